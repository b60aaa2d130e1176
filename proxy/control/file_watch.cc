#include "proxy/control/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace sheaf {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;
constexpr const char* kSwappedLink = "..data";

std::string FolderOf(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path().string() : ".";
}

}  // namespace

Result<std::unique_ptr<FileWatch>> FileWatch::Create(net::Loop& loop, std::function<void()> changed) {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return Error{"files cannot be watched: " + std::generic_category().message(errno)};
  std::unique_ptr<FileWatch> watch(new FileWatch(loop, fd, std::move(changed)));
  auto readable = net::Readable::Watch(loop, fd, [&watch = *watch] { watch.ReadEvents(); });
  if (!readable.ok()) return Error{"files cannot be watched: " + readable.error()};
  watch->readable_ = std::move(readable.value());
  return watch;
}

FileWatch::~FileWatch() {
  readable_.reset();
  close(fd_);
}

void FileWatch::Watch(const std::vector<std::string>& files) {
  wanted_.clear();
  for (const std::string& file : files) Follow(file);
  WatchFolders();
}

// The file and, as far as it is a link, what it leads to. What the folders on the way are called does not matter: a
// folder that is a link itself is one that Kubernetes swaps.
void FileWatch::Follow(const std::string& file) {
  fs::path path(file);
  std::error_code error;
  for (int links = 0; links < kMostLinks; ++links) {
    std::set<std::string>& names = wanted_[FolderOf(path)];
    names.insert(path.filename().string());
    names.insert(kSwappedLink);
    if (!fs::is_symlink(path, error)) return;
    const fs::path target = fs::read_symlink(path, error);
    if (error) return;
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
}

bool FileWatch::WatchFolders() {
  std::map<int, Folder> watched;
  bool missing = false;
  bool found = false;
  for (const auto& [path, names] : wanted_) {
    const int descriptor = inotify_add_watch(fd_, path.c_str(), kEvents | IN_ONLYDIR);
    missing = missing || descriptor < 0;
    if (descriptor < 0) continue;
    found = found || !watched_.contains(descriptor);
    // Two paths may lead to one folder.
    Folder& folder = watched[descriptor];
    folder.path = path;
    folder.names.insert(names.begin(), names.end());
  }
  for (const auto& [descriptor, folder] : watched_) {
    if (!watched.contains(descriptor)) inotify_rm_watch(fd_, descriptor);
  }
  watched_ = std::move(watched);
  if (missing) {
    loop_.SetDeadline(look_again_, kLookAgain);
  } else {
    loop_.CancelDeadline(look_again_);
  }
  return found;
}

bool FileWatch::Concerns(int descriptor, const std::string& name, uint32_t what) const {
  if ((what & IN_Q_OVERFLOW) != 0) return true;
  const auto folder = watched_.find(descriptor);
  if (folder == watched_.end() || !folder->second.names.contains(name)) return false;
  // A link is whole when it is made; what else is made is still to be written to.
  std::error_code error;
  return (what & IN_CREATE) == 0 || fs::is_symlink(fs::path(folder->second.path) / name, error);
}

void FileWatch::ReadEvents() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool changed = false;
  bool lost = false;
  for (ssize_t got = 0; (got = read(fd_, buffer.data(), buffer.size())) > 0;) {
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(at);
      const std::string name = event->len > 0 ? event->name : "";
      changed = changed || Concerns(event->wd, name, event->mask);
      lost = ((event->mask & IN_IGNORED) != 0 && watched_.erase(event->wd) > 0) || lost;
      at += sizeof(inotify_event) + event->len;
    }
  }
  if (changed) loop_.SetDeadline(quiet_, kQuiet);
  if (lost) loop_.SetDeadline(look_again_, kLookAgain);
}

void FileWatch::OnDeadline(net::Deadline& deadline) {
  if (&deadline == &quiet_) return changed_();
  // What has come with its folder has changed.
  if (WatchFolders()) changed_();
}

}  // namespace sheaf
