#include "pool/mux_groups.h"

namespace sheaf::pool {

bool MuxGroups::Set(uint32_t number, const wire::MuxStreams& ids) {
  std::unique_ptr<MuxGroup>& group = groups_[number - 1];
  if (group && group->amid_message) return false;
  if (ids.size() == 0) {
    group.reset();
    return true;
  }
  if (!group) group = std::make_unique<MuxGroup>();
  group->ids.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) group->ids[i] = ids[i];
  return true;
}

}  // namespace sheaf::pool
