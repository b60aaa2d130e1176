// What `top` shows of a look, as lines of text. Pure: it knows no terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/cli/look.h"
#include "proxy/cli/top_figures.h"

namespace sheaf::cli {

struct TopView {
  size_t width = 100;
  size_t height = 0;      // lines; 0: as many as there is to show
  std::string sort = {};  // of the connections
  bool paused = false;
  std::string trouble = {};  // why there is no newer look; empty: there is none
  bool with_keys = false;
};

// Lines without line ends, each of at most `width` columns, and at most `height` of them: connections are the first to
// give way, then events.
std::vector<std::string> BuildFrame(const Look& look, const TopFigures& figures, const TopView& view);

}  // namespace sheaf::cli
