#include "proxy/config/manual_page.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "proxy/config/words.h"

namespace sheaf {
namespace {

// The date is of the last change of what is in no table.
constexpr std::string_view kHead = R"(.\" Written by sheaf --print-manual-page.
.Dd November 30, 2026
.Dt SHEAF 1
.Os
.Sh NAME
.Nm sheaf
.Nd reverse proxy and sidecar for WebSockets and HTTP
)";

constexpr std::string_view kDescription = R"(.Sh DESCRIPTION
.Nm
stands in front of a web backend, ends the clients' WebSockets, keeps a pool
of connections to the backend, and gathers what it sends into few writes and
frames.
Without an action or a command it serves, in the foreground, until
.Dv SIGTERM
has it take leave of its clients.
.Dv SIGHUP
has it read the conf file again.
.Pp
The commands ask a running
.Nm
over its admin listener.
They find it as it is configured: by
.Cm admin.address
of the conf file, the environment or
.Fl -set ,
of which they look at nothing else.
What changes something, or shows sessions, needs
.Cm admin.token ,
unless the admin listener is a Unix socket.
)";

constexpr std::string_view kTail = R"(.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev SHEAF_SECTION_KEY
The option
.Cm section.key .
It goes before the conf file, and
.Fl -set
goes before it.
.It Ev SHEAF_ADMIN_ADDRESS , SHEAF_ADMIN_TOKEN
Of these options, among them, where the commands ask, and their token.
.It Ev NOTIFY_SOCKET , WATCHDOG_USEC
Set by
.Xr systemd 1 ,
which is told when
.Nm
serves, reloads and ends, and that it is well.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/sheaf/sheaf.conf
The conf file of the container image and of the systemd unit.
There is no file that is read unasked.
.El
.Sh EXIT STATUS
Of the server: 0 when it has drained, 1 when it could not start, or a second
signal cut the drain short.
Of a wrong command line: 2.
Of the commands:
.Bl -tag -width Ds
.It 0
It is done.
.It 1
It was refused, or failed; the remedy stands on standard error.
.It 2
An argument is wrong.
.It 3
Nobody answers.
.El
.Sh EXAMPLES
Which sessions have most waiting for them:
.Pp
.Dl sheaf connections -c /etc/sheaf/sheaf.conf --sort queued --limit 10
.Pp
Part with a user, politely, and say why:
.Pp
.Dl sheaf close --user alice --code 1008 --reason \(dqsigned out\(dq
.Pp
Send what another program writes to all clients at once:
.Pp
.Dl date | sheaf push --all --text - --type critical
.Pp
A hook that has a container's clients leave before it ends:
.Pp
.Dl sheaf drain -c /etc/sheaf/sheaf.conf
)";

// The doc of a row as a sentence that no macro takes for its own: in lines that are not long, and each sentence on
// lines of its own, as mdoc asks for.
std::string SentenceOf(std::string doc) {
  constexpr size_t kWidth = 78;
  if (doc.front() >= 'a' && doc.front() <= 'z') doc.front() = static_cast<char>(doc.front() - 'a' + 'A');
  std::string text;
  size_t column = 0;
  for (std::string_view rest = doc; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    const bool begins = text.empty() || text.ends_with('.') || column + 1 + word.size() > kWidth;
    text.append(text.empty() ? "" : begins ? "\n" : " ").append(word);
    column = (begins ? 0 : column + 1) + word.size();
  }
  return text + ".\n";
}

// "Fl c , Fl -config Ar FILE"; of what is given by its place "Ar ID".
std::string TagOf(const Word& word) {
  if (word.has_place) return "Ar " + word.value;
  std::string tag;
  for (const std::string& name : word.names) tag.append(tag.empty() ? "Fl " : " , Fl ").append(name.substr(1));
  return word.value.empty() ? tag : tag + " Ar \"" + word.value + "\"";
}

std::string ListOf(const std::vector<Word>& words) {
  std::string text = ".Bl -tag -width Ds\n";
  for (const Word& word : words) {
    text.append(".It ").append(TagOf(word)).append("\n").append(SentenceOf(word.doc));
    if (word.values.empty()) continue;
    text.append("One of\n");
    for (size_t i = 0; i < word.values.size(); ++i) {
      text.append(".Cm ").append(word.values[i]).append(i + 1 == word.values.size() ? " .\n" : " ,\n");
    }
  }
  return text.append(".El\n");
}

std::string SynopsisOf(const Command& command) {
  std::string text = ".Nm\n.Cm " + command.name + "\n.Op Ar OPTION ...\n";
  for (const Word& word : command.words) {
    if (word.has_place) text.append(word.must ? ".Ar " : ".Op Ar ").append(word.value).append("\n");
  }
  return text;
}

std::string SectionOf(const Command& command) {
  std::string text = ".Ss " + command.name + "\n" + SentenceOf(command.doc);
  if (!command.words.empty()) text += ListOf(command.words);
  return text;
}

}  // namespace

std::string ManualPage() {
  std::vector<Command> commands = AskingCommands();
  commands.push_back(DoctorCommand());
  std::string text(kHead);
  text += ".Sh SYNOPSIS\n.Nm\n.Op Fl c Ar FILE\n.Op Fl -set Ar SECTION.KEY=VALUE\n.Op Ar ACTION\n";
  for (const Command& command : commands) text += SynopsisOf(command);
  text += kDescription;
  text += ".Sh OPTIONS\n" + ListOf(ProgramWords());
  text +=
      ".Sh COMMANDS\nThose that ask a running\n.Nm\nhave these options besides their own:\n" + ListOf(CommonWords());
  for (const Command& command : commands) text += SectionOf(command);
  return text.append(kTail);
}

}  // namespace sheaf
