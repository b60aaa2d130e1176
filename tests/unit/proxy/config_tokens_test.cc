// upstream.mode, and the token that mode mux needs: [upstream]'s, a [[backend]]'s, and files of theirs.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pool/upstream_settings.h"
#include "proxy/config/dump.h"
#include "proxy/reload.h"
#include "tests/unit/proxy/config_loading.h"

namespace sheaf {
namespace {

using Texts = std::vector<std::string>;

const std::string kMux = "mode = \"mux\"\n";
const std::string kToken = "token = \"0123456789abcdef\"\n";

std::string TokenFile(const std::string& path) {
  return "token_file = \"" + path + "\"\n";
}

TEST_CASE("the mode and the token are [upstream]'s, and those of each [[backend]] that has none of its own") {
  const Options options = Valid("[upstream]\n" + kMux + kToken + BackendText("x", "\"http://x\"") +
                                BackendText("y", "\"http://y\"", "token = \"another-token-of-y\"\n") +
                                BackendText("z", "\"http://z\"", "mode = \"tunnel\"\n"));
  CHECK(options.backends[0].mode == UpstreamMode::kMux);
  CHECK(options.backends[0].token == "0123456789abcdef");
  CHECK(options.backends[1].mode == UpstreamMode::kMux);
  CHECK(options.backends[1].token == "0123456789abcdef");
  CHECK(options.backends[2].token == "another-token-of-y");
  CHECK(options.backends[3].mode == UpstreamMode::kTunnel);
  CHECK(options.pool.sessions_per_link == 5000);
  const auto settings = pool::UpstreamSettings::From(options, options.backends[2]);
  CHECK(settings.mode == UpstreamMode::kMux);
  CHECK(settings.token == "another-token-of-y");
}

TEST_CASE("the token of [upstream] comes from the environment too") {
  const Options options = Valid("[upstream]\n" + kMux, {{"SHEAF_UPSTREAM_TOKEN=of-the-environment"}, {}});
  CHECK(options.backends[0].token == "of-the-environment");
}

TEST_CASE("tokens come from files, a [[backend]]'s in the place of [upstream]'s token, and a reload watches them") {
  const Folder folder;
  WriteFile(folder / "shared", "  the-shared-token\n");
  WriteFile(folder / "own", "the-token-of-x\n");
  const Options options = Valid("[upstream]\n" + kMux + TokenFile(folder / "shared") +
                                BackendText("x", "\"http://x\"", TokenFile(folder / "own")) +
                                BackendText("y", "\"http://y\"") + BackendText("z", "\"http://z\"", kToken));
  CHECK(options.backends[0].token == "the-shared-token");
  CHECK(options.backends[1].token == "the-token-of-x");
  CHECK(options.backends[2].token == "the-shared-token");
  CHECK(options.backends[3].token == "0123456789abcdef");
  CHECK(Valid("[upstream]\n" + kMux + kToken + BackendText("x", "\"http://x\"", TokenFile(folder / "own")))
            .backends[1]
            .token == "the-token-of-x");
  const Texts files = FilesOf("a.conf", options);
  for (const std::string& file : {folder / "shared", folder / "own"}) {
    CHECK(std::count(files.begin(), files.end(), file) == 1);
  }
}

TEST_CASE("no dump has a token, and what was dumped of files loads again") {
  const Folder folder;
  WriteFile(folder / "own", "the-token-of-x\n");
  const Result<Configuration> configuration =
      Load("[upstream]\n" + kMux + kToken + BackendText("x", "\"http://x\"", TokenFile(folder / "own")) +
           BackendText("y", "\"http://y\""));
  REQUIRE(configuration.ok());
  const std::string dump = DumpConfiguration(configuration.value());
  CHECK(dump.find("0123456789abcdef") == std::string::npos);
  CHECK(dump.find("the-token-of-x") == std::string::npos);
  const Options again = Valid(dump);
  CHECK(again.backends[0].token == "<redacted>");
  CHECK(again.backends[1].token == "the-token-of-x");
  CHECK(again.backends[2].token == "<redacted>");
}

TEST_CASE("mode mux without a token is an error, told once for all that inherit it") {
  const std::string missing =
      " is \"mux\", for which a token must be set: write the backend's SHEAF_TOKEN as upstream.token, or name a file "
      "with it as upstream.token_file";
  CHECK(ErrorOf("[upstream]\n" + kMux) == "a.conf:2:8: upstream.mode" + missing);
  CHECK(ErrorOf("[upstream]\n" + kMux + BackendText("x", "\"http://x\"")) == "a.conf:2:8: upstream.mode" + missing);
  const std::string unused =
      "[[backend]]\nname = \"x\"\nurl = \"http://x\"\n[[route]]\npath = \"/\"\nbackend = \"x\"\n[upstream]\n" + kMux;
  CHECK(ErrorOf(unused) == "a.conf:8:8: upstream.mode" + missing);
  CHECK(ErrorOf(BackendText("x", "\"http://x\"", kMux))
            .starts_with("a.conf:7:8: backend.mode is \"mux\", for which a token must be set: write the backend's "
                         "SHEAF_TOKEN as backend.token, or"));
  CHECK(ErrorOf("[upstream]\n" + kMux + kToken + BackendText("x", "\"http://x\"", "token = \"\"\n"))
            .starts_with("a.conf:7:1: backend.mode is \"mux\", for which"));
  CHECK(ErrorOf("[upstream]\n" + kMux + TokenFile("/nowhere")).find("for which") == std::string::npos);
}

TEST_CASE("a token that no field of a request could have is an error, and none is shown") {
  const Folder folder;
  WriteFile(folder / "bad", "sesame open\n");
  CHECK(ErrorOf("[upstream]\n" + kMux + "token = \"sesame open\"\n") ==
        "a.conf:3:9: upstream.token must have letters, digits and signs of ASCII alone, and no blanks");
  CHECK(ErrorOf("[upstream]\n" + kMux + "token = \"s\\nesame\"\n").find("esame") == std::string::npos);
  CHECK(ErrorOf("[upstream]\n" + kMux + TokenFile(folder / "bad"))
            .starts_with("a.conf:3:14: upstream.token_file must have letters"));
  CHECK(ErrorOf(BackendText("x", "\"http://x\"", kMux + "token = \"é\"\n"))
            .starts_with("a.conf:8:9: backend.token must have letters"));
  // What is wrong with the inherited one is told once.
  CHECK(ErrorOf("[upstream]\n" + kMux + "token = \" \"\n" + BackendText("x", "\"http://x\"")).find('\n') ==
        std::string::npos);
}

TEST_CASE("a token and a file for it are not both set") {
  CHECK(ErrorOf("[upstream]\n" + kMux + kToken + TokenFile("/dev/null")) ==
        "a.conf:4:14: upstream.token_file and upstream.token are both set: remove one of them");
  CHECK(ErrorOf(BackendText("x", "\"http://x\"", kMux + kToken + TokenFile("/dev/null"))) ==
        "a.conf:9:14: backend.token_file and backend.token are both set: remove one of them");
  CHECK(ErrorOf(BackendText("x", "\"http://x\"", kMux + TokenFile("/dev/null"))) ==
        "a.conf:8:14: backend.token_file: \"/dev/null\" has no token in it: write one");
}

TEST_CASE("a token that nothing uses is told of, and one that is short") {
  const std::string mode = " is for mode = \"mux\", and mode is \"tunnel\": set that too, or remove it";
  CHECK(WarningsOf("[upstream]\n" + kToken) == Texts{"a.conf:2:9: upstream.token" + mode});
  CHECK(WarningsOf(BackendText("x", "\"http://x\"", kToken)) == Texts{"a.conf:7:9: backend.token" + mode});
  CHECK(WarningsOf("[upstream]\n" + kToken + kMux).empty());
  CHECK(WarningsOf("[upstream]\n" + kToken + BackendText("x", "\"http://x\"", kMux)).empty());
  CHECK(WarningsOf("[upstream]\n" + kMux + "token = \"0123456789abcde\"\n" + BackendText("x", "\"http://x\"")) ==
        Texts{"a.conf:3:9: upstream.token has a token of fewer than 16 characters, which can be guessed: write a "
              "longer one, such as `openssl rand -hex 24` prints"});
  const Folder folder;
  WriteFile(folder / "short", "sesame\n");
  const Texts both = WarningsOf("[upstream]\n" + TokenFile(folder / "short"));
  REQUIRE(both.size() == 2);
  CHECK(both[0] == "a.conf:2:14: upstream.token_file" + mode);
  CHECK(both[1].starts_with("a.conf:2:14: upstream.token_file has a token of fewer than"));
}

}  // namespace
}  // namespace sheaf
