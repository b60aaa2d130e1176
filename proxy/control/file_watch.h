// Whether files have changed: told once when they have been quiet for a moment, so that several which belong together
// are seen together.
//
//   auto watch = FileWatch::Create(loop, [this] { ... });
//   watch.value()->Watch({"/etc/sheaf/sheaf.conf", "/etc/tls/tls.crt"});
//
// A file has changed when somebody who wrote to it has closed it, another one was moved to its name, or a symbolic link
// was made there (certbot's live/). Kubernetes swaps the link `..data` beside the files of a ConfigMap or Secret, and
// touches no other. A file that is being written to has not changed yet, nor has one that is only read, touched or
// given to others.
//
// Folders are watched, not files (inotify(7)): one that is replaced would be lost from sight. A folder that is not
// there is looked for every second.
//
// Owned by the Server; its loop's thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/status.h"
#include "proxy/net/loop.h"
#include "proxy/net/readable.h"

namespace sheaf {

class FileWatch final : public net::DeadlineHandler {
 public:
  // Fails when the kernel gives no descriptor. The loop outlives it.
  static Result<std::unique_ptr<FileWatch>> Create(net::Loop& loop, std::function<void()> changed);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

  // From now on `files` are watched and no others. Links in them are followed: what they lead to is watched, too.
  void Watch(const std::vector<std::string>& files);

  void OnDeadline(net::Deadline& deadline) override;

 private:
  static constexpr Duration kQuiet = std::chrono::milliseconds(100);
  static constexpr Duration kLookAgain = std::chrono::seconds(1);
  static constexpr int kMostLinks = 16;  // from one to the next

  struct Folder {
    std::string path;
    std::set<std::string> names;  // in it
  };

  FileWatch(net::Loop& loop, int fd, std::function<void()> changed)
      : loop_(loop), fd_(fd), changed_(std::move(changed)), quiet_(*this), look_again_(*this) {}
  void Follow(const std::string& file);
  // True: one is watched now that was not there before.
  bool WatchFolders();
  void ReadEvents();
  bool Concerns(int descriptor, const std::string& name, uint32_t what) const;

  net::Loop& loop_;
  const int fd_;
  const std::function<void()> changed_;
  std::unique_ptr<net::Readable> readable_;
  net::Deadline quiet_;                                  // nothing has happened since the last change until then
  net::Deadline look_again_;                             // for folders that were not there
  std::map<std::string, std::set<std::string>> wanted_;  // names by folder
  std::map<int, Folder> watched_;                        // by inotify's descriptor
};

}  // namespace sheaf
