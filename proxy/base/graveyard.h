// Close now, destroy at the end of the turn. A callback may close the very object that runs it; the object then rests
// here until nothing of it is on the stack any more.
//
// Owned by a worker's loop; one thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace sheaf {

class Graveyard {
 public:
  Graveyard() = default;
  Graveyard(const Graveyard&) = delete;
  Graveyard& operator=(const Graveyard&) = delete;
  ~Graveyard() { DestroyAll(); }

  // The object must be closed: no event, timer or list may lead to it any more.
  template <typename T>
  void Retire(std::unique_ptr<T> object) {
    if (object) retired_.push_back({object.release(), [](void* dead) { delete static_cast<T*>(dead); }});
  }

  // Destroys in the order of retirement. Destructors may retire more.
  void DestroyAll() {
    for (size_t i = 0; i < retired_.size(); ++i) {
      const Retired dead = retired_[i];  // by value: a destructor may make the vector grow
      dead.destroy(dead.object);
    }
    retired_.clear();
  }

  size_t size() const { return retired_.size(); }

 private:
  struct Retired {
    void* object;
    void (*destroy)(void*);
  };
  std::vector<Retired> retired_;
};

}  // namespace sheaf
