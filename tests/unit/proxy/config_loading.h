// For the tests of the configuration: loading from texts, and what comes of it.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace sheaf {

struct Extra {
  std::vector<std::string> environment;
  std::vector<std::string> settings;
};

inline Result<Configuration> Load(const std::string& text, const Extra& extra = {}) {
  return LoadConfiguration({"a.conf", text, extra.environment, extra.settings});
}

inline Options Valid(const std::string& text, const Extra& extra = {}) {
  Result<Configuration> configuration = Load(text, extra);
  const std::string error = configuration.ok() ? "" : configuration.error();
  REQUIRE(error == "");
  return configuration.value().options;
}

inline std::string ErrorOf(const std::string& text, const Extra& extra = {}) {
  const Result<Configuration> configuration = Load(text, extra);
  return configuration.ok() ? "valid" : configuration.error();
}

inline std::vector<std::string> WarningsOf(const std::string& text, const Extra& extra = {}) {
  const Result<Configuration> configuration = Load(text, extra);
  const std::string error = configuration.ok() ? "" : configuration.error();
  REQUIRE(error == "");
  return configuration.value().warnings;
}

// A [[backend]] on lines 4 to 6, below a [[route]] to it, and the keys of `more`. `urls`: as TOML.
inline std::string BackendText(const std::string& name, const std::string& urls, const std::string& more = "") {
  return "[[route]]\npath = \"/" + name + "\"\nbackend = \"" + name + "\"\n[[backend]]\nname = \"" + name +
         "\"\nurls = " + urls + "\n" + more;
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sheaf-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

struct ErrorRow {
  const char* text;
  const char* error;
};

}  // namespace sheaf
