#include "proxy/base/build_info.h"

namespace sheaf {

std::string_view BuildCommit() {
  return SHEAF_COMMIT;
}

}  // namespace sheaf
