// What the service manager is told, over a datagram socket of its kind.
#include "proxy/control/service_manager.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/fakes/fake_manager.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

ServiceManager::Environment Read(std::vector<std::string> variables) {
  std::vector<const char*> pointers;
  for (const std::string& one : variables) pointers.push_back(one.c_str());
  pointers.push_back(nullptr);
  return ServiceManager::Environment::Read(pointers.data());
}

}  // namespace

TEST_CASE("The stages are told in the words of sd_notify") {
  const FakeManager manager;
  const ServiceManager told({.socket = manager.name(), .watchdog = {}});
  told.Ready("serving");
  CHECK(manager.Take() == "READY=1\nSTATUS=serving");
  told.Reloading(TimePoint(1'234'567'890ns));
  CHECK(manager.Take() == "RELOADING=1\nMONOTONIC_USEC=1234567");
  told.Alive();
  CHECK(manager.Take() == "WATCHDOG=1");
  told.Stopping("draining");
  CHECK(manager.Take() == "STOPPING=1\nSTATUS=draining");
  CHECK(manager.Take().empty());
}

TEST_CASE("A status of several lines assigns nothing else") {
  const FakeManager manager;
  ServiceManager({.socket = manager.name(), .watchdog = {}}).Ready("the reload failed: a\nMAINPID=1");
  CHECK(manager.Take() == "READY=1\nSTATUS=the reload failed: a");
}

TEST_CASE("Without a manager, or with one that is no Unix socket or gone, nothing is told and nothing fails") {
  for (const char* socket : {"", "vsock:2:1", "@sheaf-nobody-listens-here", "/nonexistent/notify"}) {
    const ServiceManager told({.socket = socket, .watchdog = {}});
    told.Ready("serving");
    told.Alive();
  }
}

TEST_CASE("The watchdog is this process's, or none") {
  const std::string own = "WATCHDOG_PID=" + std::to_string(getpid());
  CHECK(Read({"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=30000000"}).socket == "@x");
  CHECK(Read({"WATCHDOG_USEC=30000000"}).watchdog == 30s);
  CHECK(Read({"WATCHDOG_USEC=30000000", own}).watchdog == 30s);
  CHECK(Read({"WATCHDOG_USEC=30000000", "WATCHDOG_PID=1"}).watchdog == 0s);
  CHECK(Read({"WATCHDOG_USEC=soon", "NOTIFY_SOCKETS=@x"}).watchdog == 0s);
  CHECK(Read({"WATCHDOG_USEC=soon", "NOTIFY_SOCKETS=@x"}).socket.empty());
}

}  // namespace sheaf
