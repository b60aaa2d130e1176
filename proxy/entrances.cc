#include "proxy/entrances.h"

#include <unistd.h>

#include <algorithm>

namespace sheaf {

class Entrances::Entrance final : public net::AcceptorEvents {
 public:
  Entrance(net::Loop& loop, uint32_t keep_free, EntranceEvents& events, const EntranceChanges::Added& added)
      : id_(added.id), terms_(added.terms), events_(events), acceptor_(loop, added.fd, *this, keep_free) {}

  uint32_t id() const { return id_; }
  void SetTerms(const ListenerTerms& terms) {
    if (terms.backlog != terms_.backlog) acceptor_.SetBacklog(terms.backlog);
    terms_ = terms;
  }
  void Empty() { acceptor_.AcceptAll(); }

  // net::AcceptorEvents
  void OnAccepted(int fd, const net::Address& peer) override { events_.OnAccepted(fd, peer, terms_); }
  void OnAcceptPaused(int error) override { events_.OnAcceptPaused(error); }

 private:
  const uint32_t id_;
  ListenerTerms terms_;
  EntranceEvents& events_;
  net::Acceptor acceptor_;
};

Entrances::Entrances(net::Loop& loop, uint32_t keep_free, EntranceEvents& events)
    : loop_(loop), events_(events), keep_free_(keep_free) {}

Entrances::~Entrances() = default;

Entrances::Entrance* Entrances::Find(uint32_t id) {
  const auto found =
      std::find_if(entrances_.begin(), entrances_.end(), [id](const auto& entrance) { return entrance->id() == id; });
  return found == entrances_.end() ? nullptr : found->get();
}

void Entrances::Change(const EntranceChanges& changes) {
  for (const EntranceChanges::Added& added : changes.added) {
    if (closed_) {
      close(added.fd);
    } else {
      entrances_.push_back(std::make_unique<Entrance>(loop_, keep_free_, events_, added));
    }
  }
  for (const EntranceChanges::Kept& kept : changes.kept) {
    if (Entrance* entrance = Find(kept.id)) entrance->SetTerms(kept.terms);
  }
  for (const uint32_t id : changes.removed) {
    if (Entrance* entrance = Find(id)) entrance->Empty();
    std::erase_if(entrances_, [id](const auto& entrance) { return entrance->id() == id; });
  }
}

void Entrances::Drain() {
  for (const std::unique_ptr<Entrance>& entrance : entrances_) entrance->Empty();
  entrances_.clear();
}

void Entrances::Close() {
  closed_ = true;
  entrances_.clear();
}

}  // namespace sheaf
