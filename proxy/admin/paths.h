// The paths of the admin listener: a row each and method. A new one is a row here and a handler beside its like.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/admin/access.h"
#include "proxy/admin/answer.h"
#include "proxy/admin/asked.h"
#include "proxy/admin/parameters.h"

namespace sheaf {

// GET stands for HEAD, too.
enum class AdminMethod : uint8_t { kGet, kPost };

struct PathRow {
  AdminMethod method;
  std::string_view path;  // "{name}" in it stands for one or more characters, slashes among them
  Access access;
  void (*handle)(const Asked& asked, const AdminReply& reply);
  std::string_view doc;
  // Of the query. Where there are any, others are refused; where there are none, the query is ignored.
  std::span<const ParameterRow> parameters = {};
  size_t most_body = 0;        // bytes; 0: the request must not have a body
  bool may_take_long = false;  // the answer comes when something is over, whenever that is
};

std::span<const PathRow> AdminPaths();

bool IsAt(const PathRow& row, std::string_view path);
// What stands in place of the row's "{name}", decoded; for a path that it IsAt.
std::string NameIn(const PathRow& row, std::string_view path);

}  // namespace sheaf
