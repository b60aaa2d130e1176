#include "proxy/doctor/doctor.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <utility>
#include <vector>

#include "pool/endpoint.h"
#include "proxy/doctor/remedies.h"
#include "proxy/doctor/report.h"
#include "proxy/doctor/request.h"
#include "proxy/doctor/trial.h"
#include "proxy/doctor/visit.h"
#include "proxy/net/loop.h"
#include "proxy/net/tls_context.h"

namespace sheaf::doctor {
namespace {

// One of the two ways: where it leads, and over what.
struct Way {
  Place place;
  std::unique_ptr<net::TlsContext> tls;
};

Result<Way> WayTo(const std::string& address, std::unique_ptr<net::TlsContext> tls, std::string server_name) {
  const Result<net::Address> where = net::Address::Resolve(address);
  if (!where.ok()) return Error{where.error()};
  Way way{.place = {.address = where.value(), .tls = tls.get(), .server_name = std::move(server_name)},
          .tls = std::move(tls)};
  return way;
}

Result<Way> WayToBackend(const Options& options, const pool::UpstreamUrl& url) {
  std::unique_ptr<net::TlsContext> tls;
  if (url.tls) {
    auto made = net::TlsContext::ForClient(options.upstream.tls_ca, options.upstream.tls_verify);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  const std::string& name = options.upstream.tls_server_name;
  return WayTo(url.address, std::move(tls), name.empty() ? url.host : name);
}

Result<Way> WayToSheaf(const ListenerOptions& listener, const std::string& address) {
  std::unique_ptr<net::TlsContext> tls;
  if (listener.is_tls()) {
    // The certificate is for the name that clients use, not for this one.
    auto made = net::TlsContext::ForClient("", false);
    if (!made.ok()) return Error{made.error()};
    tls = std::move(made.value());
  }
  return WayTo(net::Reachable(address, listener.ipv6_only), std::move(tls), "localhost");
}

// Who speaks the PROXY protocol speaks with load balancers alone, so another is the first choice.
const ListenerOptions& ListenerFor(const Options& options) {
  const auto& all = options.listeners;
  const auto found = std::find_if(all.begin(), all.end(), [](const ListenerOptions& listener) {
    return listener.proxy_protocol == ProxyProtocol::kOff;
  });
  return found == all.end() ? all.front() : *found;
}

// As whom the doctor comes: as a browser that has a page of the first allowed origin, or of this very host.
Manner MannerFor(const Options& options, const ListenerOptions& listener, const Wishes& wishes) {
  Manner manner{
      .host = wishes.host, .origin = wishes.origin, .subprotocols = wishes.subprotocols, .fields = wishes.fields};
  if (manner.origin.empty() && !options.websocket.allowed_origins.empty()) {
    const std::string& first = options.websocket.allowed_origins.front();
    if (first.find('*') == std::string::npos) manner.origin = first;
  }
  if (manner.host.empty() && !manner.origin.empty()) {
    const size_t scheme = manner.origin.find("://");
    manner.host = scheme == std::string::npos ? manner.origin : manner.origin.substr(scheme + 3);
  }
  if (manner.host.empty()) {
    manner.host = listener.is_unix() ? "localhost" : net::Reachable(listener.address, listener.ipv6_only);
  }
  if (manner.origin.empty()) manner.origin = (listener.is_tls() ? "https://" : "http://") + manner.host;
  return manner;
}

std::vector<Question> QuestionsFor(const Wishes& wishes) {
  const std::string engine = "?EIO=4&transport=";
  return {{"HTTP GET", wishes.http_path, false},
          {"WebSocket", wishes.websocket_path, true},
          {"Socket.IO polling", wishes.socketio_path + engine + "polling", false},
          {"Socket.IO websocket", wishes.socketio_path + engine + "websocket", true}};
}

class Examination {
 public:
  Examination(const Options& options, const Wishes& wishes, net::Loop& loop, std::ostream& out)
      : options_(options),
        wishes_(wishes),
        listener_(ListenerFor(options)),
        loop_(loop),
        out_(out),
        manner_(MannerFor(options, listener_, wishes)) {}

  Verdict Run() {
    if (!FindBackend() || !FindSheaf()) return Verdict::kCouldNotRun;
    std::vector<Finding> findings;
    bool same = !taken_;
    for (const Question& question : QuestionsFor(wishes_)) {
      findings.push_back(Find(question));
      same = same && findings.back().comparison.same();
    }
    out_ << "  as " << manner_.origin << " (Host: " << manner_.host << ")\n\n" << BuildReport(findings);
    TellOfIngress();
    TellLog();
    return same ? Verdict::kSame : Verdict::kDiffers;
  }

 private:
  bool Fails(const std::string& what, const std::string& remedy) {
    out_ << what << "\n" << (remedy.empty() ? "" : "      -> " + remedy + "\n");
    return false;
  }

  bool FindBackend() {
    const Result<pool::UpstreamUrl> url = pool::UpstreamUrl::Parse(options_.upstream.url);
    if (!url.ok()) return Fails("upstream.url: " + url.error(), "");
    const auto fails = [&](const std::string& what, const std::string& error) {
      return Fails(what + error, RemedyForNoBackend(error, url.value().tls, url.value().host.empty()));
    };
    Result<Way> way = WayToBackend(options_, url.value());
    const Result<std::vector<net::Address>> all = net::Address::ResolveAll(url.value().address);
    if (!way.ok() || !all.ok()) return fails("upstream.url: ", way.ok() ? all.error() : way.error());
    direct_ = std::move(way.value());
    Answer answer;
    for (const net::Address& one : all.value()) {
      direct_.place.address = one;
      answer = Ask(direct_, QuestionsFor(wishes_).front());
      if (answer.connected) break;
    }
    if (!answer.connected)
      return fails("no connection to the backend at " + options_.upstream.url + ": ", answer.error);
    out_ << "  directly: " << options_.upstream.url << "\n";
    return true;
  }

  bool FindSheaf() {
    const std::string certificate = listener_.is_tls() ? ", its certificate not verified" : "";
    if (listener_.proxy_protocol == ProxyProtocol::kOn) {
      return StartTrial(certificate + ", without the PROXY protocol");
    }
    Result<Way> way = WayToSheaf(listener_, listener_.address);
    if (!way.ok()) return Fails("listen: " + way.error(), "");
    const Answer answer = AskWhoListens(way.value());
    if (!answer.SheafReason().empty()) {
      through_ = std::move(way.value());
      out_ << "  through Sheaf: the one that runs at " << listener_.address << certificate << "\n";
      return true;
    }
    if (!StartTrial(certificate + ", since none listens at " + listener_.address)) return false;
    taken_ = answer.connected;
    if (taken_) {
      Fails("  but something else listens there, so that Sheaf could not start:", "listen.address: choose another one");
    }
    return true;
  }

  bool StartTrial(const std::string& remark) {
    Result<std::unique_ptr<Trial>> trial = Trial::Start(wishes_.arguments, listener_);
    if (!trial.ok()) return Fails(trial.error(), "");
    trial_ = std::move(trial.value());
    Result<Way> way = WayToSheaf(listener_, trial_->address());
    if (!way.ok()) return Fails("listen: " + way.error(), "");
    through_ = std::move(way.value());
    out_ << "  through Sheaf: a trial with this configuration" << remark << "\n";
    return true;
  }

  // What no backend gets to see, and Sheaf refuses in a way of its own.
  Answer AskWhoListens(const Way& way) {
    const Patience patience{.response = std::chrono::seconds(2)};
    return Visit(loop_, way.place, patience).Ask("TRACE / HTTP/1.1\r\nHost: " + manner_.host + "\r\n\r\n");
  }

  Answer Ask(const Way& way, const Question& question) {
    return Visit(loop_, way.place).Ask(BuildRequest(question, manner_, SaysHttps(way)), manner_.subprotocols);
  }

  // As an ingress does that has ended TLS.
  bool SaysHttps(const Way& way) const { return way.tls == nullptr && manner_.origin.starts_with("https://"); }

  void TellOfIngress() {
    if (!SaysHttps(through_)) return;
    out_ << "  note: X-Forwarded-Proto: https came from this machine; whether an ingress elsewhere is believed, "
            "forwarded.trusted_proxies says\n";
  }

  // What took all of the doctor's patience is not asked for again.
  Answer AskAgain(const Way& way, const Question& question, const Answer& first) {
    return first.ok() && !first.body_goes_on ? Ask(way, question) : first;
  }

  Finding Find(const Question& question) {
    Finding finding;
    finding.question = question;
    // In turns, so that a backend that grows slower does so for both.
    finding.direct.first = Ask(direct_, question);
    finding.through.first = Ask(through_, question);
    finding.direct.second = AskAgain(direct_, question, finding.direct.first);
    finding.through.second = AskAgain(through_, question, finding.through.first);
    finding.comparison = Compare(question, finding.direct, finding.through);
    return finding;
  }

  void TellLog() {
    if (!trial_) return;
    for (const std::string& line : trial_->Log()) out_ << "  log: " << Printable(line, 1000) << "\n";
  }

  const Options& options_;
  const Wishes& wishes_;
  const ListenerOptions& listener_;
  net::Loop& loop_;
  std::ostream& out_;
  const Manner manner_;
  Way direct_;
  Way through_;
  std::unique_ptr<Trial> trial_;
  bool taken_ = false;  // the listener's address, by somebody else
};

}  // namespace

Verdict Examine(const Options& options, const Wishes& wishes, std::ostream& out) {
  const Result<std::unique_ptr<net::Loop>> loop = net::Loop::Create({});
  if (!loop.ok()) {
    out << loop.error() << "\n";
    return Verdict::kCouldNotRun;
  }
  return Examination(options, wishes, *loop.value(), out).Run();
}

}  // namespace sheaf::doctor
