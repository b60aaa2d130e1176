// What JSON's grammar allows and a strict parser refuses, taken out of a text. For batching/packet.cc only.
#pragma once

#include <string>
#include <string_view>

namespace sheaf::batching {

// A copy of a text of the same size with everything in its place, valid JSON where the text is, but without what a
// strict parser refuses: the escape of half a surrogate pair is that of U+FFFF, and numbers of more than two characters
// are zero.
std::string WithoutExtremes(std::string_view text);

}  // namespace sheaf::batching
