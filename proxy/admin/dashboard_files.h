// The files of the dashboard, as the build has put them into the program (dashboard/embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace sheaf {

struct DashboardFile {
  std::string_view name;  // without a folder: "index.html"
  std::string_view content_type;
  std::string_view etag;  // by what is in it, in its quotes
  std::span<const unsigned char> bytes;
};

// All of them, for good; none where it was built with SHEAF_DASHBOARD=OFF.
std::span<const DashboardFile> DashboardFiles();

}  // namespace sheaf
