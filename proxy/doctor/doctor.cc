#include "proxy/doctor/doctor.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/endpoint.h"
#include "proxy/doctor/remedies.h"
#include "proxy/doctor/report.h"
#include "proxy/doctor/request.h"
#include "proxy/doctor/trial.h"
#include "proxy/doctor/visit.h"
#include "proxy/doctor/way.h"
#include "proxy/net/loop.h"
#include "proxy/plan/routes.h"
#include "proxy/wire/http1_target.h"

namespace sheaf::doctor {
namespace {

// Who speaks the PROXY protocol speaks with load balancers alone, so another is the first choice.
const ListenerOptions& ListenerFor(const Options& options) {
  const auto& all = options.listeners;
  const auto found = std::find_if(all.begin(), all.end(), [](const ListenerOptions& listener) {
    return listener.proxy_protocol == ProxyProtocol::kOff;
  });
  return found == all.end() ? all.front() : *found;
}

// As whom the doctor comes: as a browser that has a page of the first allowed origin, or of this very host.
Manner MannerFor(const Options& options, const ListenerOptions& listener, const Wishes& wishes) {
  Manner manner{
      .host = wishes.host, .origin = wishes.origin, .subprotocols = wishes.subprotocols, .fields = wishes.fields};
  if (manner.origin.empty() && !options.websocket.allowed_origins.empty()) {
    const std::string& first = options.websocket.allowed_origins.front();
    if (first.find('*') == std::string::npos) manner.origin = first;
  }
  if (manner.host.empty() && !manner.origin.empty()) {
    const size_t scheme = manner.origin.find("://");
    manner.host = scheme == std::string::npos ? manner.origin : manner.origin.substr(scheme + 3);
  }
  if (manner.host.empty()) {
    manner.host = listener.is_unix() ? "localhost" : net::Reachable(listener.address, listener.ipv6_only);
  }
  if (manner.origin.empty()) manner.origin = (listener.is_tls() ? "https://" : "http://") + manner.host;
  return manner;
}

std::vector<Question> QuestionsFor(const Wishes& wishes) {
  const std::string engine = "?EIO=4&transport=";
  return {{"HTTP GET", wishes.http_path, false},
          {"WebSocket", wishes.websocket_path, true},
          {"Socket.IO polling", wishes.socketio_path + engine + "polling", false},
          {"Socket.IO websocket", wishes.socketio_path + engine + "websocket", true}};
}

class Examination {
 public:
  Examination(const Options& options, const Wishes& wishes, net::Loop& loop, std::ostream& out)
      : options_(options),
        wishes_(wishes),
        listener_(ListenerFor(options)),
        routes_(options),
        loop_(loop),
        out_(out),
        manner_(MannerFor(options, listener_, wishes)) {}

  Verdict Run() {
    const bool all_answer = FindBackends();
    if (direct_.empty() || !FindSheaf()) return Verdict::kCouldNotRun;
    std::vector<Finding> findings;
    bool same = all_answer && !taken_;
    for (const Question& question : QuestionsFor(wishes_)) {
      const auto direct = direct_.find(BackendOf(question));
      if (direct == direct_.end()) continue;  // told already
      findings.push_back(Find(question, direct->second));
      same = same && findings.back().comparison.same();
    }
    if (findings.empty()) return Verdict::kCouldNotRun;
    out_ << "  as " << manner_.origin << " (Host: " << manner_.host << ")\n\n" << BuildReport(findings);
    TellOfIngress();
    TellLog();
    return same ? Verdict::kSame : Verdict::kDiffers;
  }

 private:
  bool Fails(const std::string& what, const std::string& remedy) {
    out_ << what << "\n" << (remedy.empty() ? "" : "      -> " + remedy + "\n");
    return false;
  }

  // False: some endpoint does not answer. Backends of which none does have no way in direct_.
  bool FindBackends() {
    bool all_answer = true;
    for (const BackendOptions& backend : options_.backends) {
      if (backend.name == kDefaultBackend && !IsLedTo(backend)) continue;
      for (const std::string& url : backend.urls) all_answer = FindEndpoint(backend, url) && all_answer;
    }
    return all_answer;
  }

  bool IsLedTo(const BackendOptions& backend) const {
    const auto& routes = routes_.all();
    return std::any_of(routes.begin(), routes.end(),
                       [&backend](const RouteOptions& route) { return route.backend == backend.name; });
  }

  // The one that names the backend's endpoints.
  std::string OptionOf(const BackendOptions& backend) const {
    if (backend.name != kDefaultBackend) return "backend.urls";
    return options_.upstream.urls.empty() ? "upstream.url" : "upstream.urls";
  }

  // Of those that answer, the first is asked directly.
  bool FindEndpoint(const BackendOptions& backend, const std::string& url) {
    const std::string option = OptionOf(backend);
    const Result<pool::UpstreamUrl> parts = pool::UpstreamUrl::Parse(url);
    if (!parts.ok()) return Fails(option + ": " + parts.error(), "");
    const auto fails = [&](const std::string& what, const std::string& error) {
      return Fails(what + error, RemedyForNoBackend(error, option, parts.value().tls, parts.value().host.empty()));
    };
    Result<Way> way = WayToEndpoint(backend, url);
    const Result<std::vector<net::Address>> all = net::Address::ResolveAll(parts.value().address);
    if (!way.ok() || !all.ok()) return fails(option + ": ", way.ok() ? all.error() : way.error());
    const std::string name = backend.name == kDefaultBackend ? "" : " " + QuoteToml(backend.name);
    const std::string error = Connect(way.value(), all.value());
    if (!error.empty()) return fails("no connection to the backend" + name + " at " + url + ": ", error);
    const bool first = direct_.emplace(backend.name, std::move(way.value())).second;
    out_ << (first ? "  directly" : "  also there") << (name.empty() ? "" : ", backend" + name) << ": " << url << "\n";
    return true;
  }

  // Leads the way to the first of `addresses` that takes a connection. The error of the last, where none does.
  std::string Connect(Way& way, const std::vector<net::Address>& addresses) {
    Answer answer;
    for (const net::Address& one : addresses) {
      way.place.address = one;
      answer = Ask(way, QuestionsFor(wishes_).front());
      if (answer.connected) return {};
    }
    return answer.error;
  }

  // The name of the one that the question's route leads to.
  std::string BackendOf(const Question& question) const {
    const std::optional<std::string> path = wire::NormalizeTarget(question.target);
    return routes_.Match(path ? std::string_view(*path) : std::string_view(question.target)).backend;
  }

  bool FindSheaf() {
    const std::string certificate = listener_.is_tls() ? ", its certificate not verified" : "";
    if (listener_.proxy_protocol == ProxyProtocol::kOn) {
      return StartTrial(certificate + ", without the PROXY protocol");
    }
    Result<Way> way = WayToSheaf(listener_, listener_.address);
    if (!way.ok()) return Fails("listen: " + way.error(), "");
    const Answer answer = AskWhoListens(way.value());
    if (!answer.SheafReason().empty()) {
      through_ = std::move(way.value());
      out_ << "  through Sheaf: the one that runs at " << listener_.address << certificate << "\n";
      return true;
    }
    if (!StartTrial(certificate + ", since none listens at " + listener_.address)) return false;
    taken_ = answer.connected;
    if (taken_) {
      Fails("  but something else listens there, so that Sheaf could not start:", "listen.address: choose another one");
    }
    return true;
  }

  bool StartTrial(const std::string& remark) {
    Result<std::unique_ptr<Trial>> trial = Trial::Start(wishes_.arguments, listener_);
    if (!trial.ok()) return Fails(trial.error(), "");
    trial_ = std::move(trial.value());
    Result<Way> way = WayToSheaf(listener_, trial_->address());
    if (!way.ok()) return Fails("listen: " + way.error(), "");
    through_ = std::move(way.value());
    out_ << "  through Sheaf: a trial with this configuration" << remark << "\n";
    return true;
  }

  // What no backend gets to see, and Sheaf refuses in a way of its own.
  Answer AskWhoListens(const Way& way) {
    const Patience patience{.response = std::chrono::seconds(2)};
    return Visit(loop_, way.place, patience).Ask("TRACE / HTTP/1.1\r\nHost: " + manner_.host + "\r\n\r\n");
  }

  Answer Ask(const Way& way, const Question& question) {
    return Visit(loop_, way.place).Ask(BuildRequest(question, manner_, SaysHttps(way)), manner_.subprotocols);
  }

  // As an ingress does that has ended TLS.
  bool SaysHttps(const Way& way) const { return way.tls == nullptr && manner_.origin.starts_with("https://"); }

  void TellOfIngress() {
    if (!SaysHttps(through_)) return;
    out_ << "  note: X-Forwarded-Proto: https came from this machine; whether an ingress elsewhere is believed, "
            "forwarded.trusted_proxies says\n";
  }

  // What took all of the doctor's patience is not asked for again.
  Answer AskAgain(const Way& way, const Question& question, const Answer& first) {
    return first.ok() && !first.body_goes_on ? Ask(way, question) : first;
  }

  Finding Find(const Question& question, const Way& direct) {
    Finding finding;
    finding.question = question;
    // In turns, so that a backend that grows slower does so for both.
    finding.direct.first = Ask(direct, question);
    finding.through.first = Ask(through_, question);
    finding.direct.second = AskAgain(direct, question, finding.direct.first);
    finding.through.second = AskAgain(through_, question, finding.through.first);
    finding.comparison = Compare(question, finding.direct, finding.through);
    return finding;
  }

  void TellLog() {
    if (!trial_) return;
    for (const std::string& line : trial_->Log()) out_ << "  log: " << Printable(line, 1000) << "\n";
  }

  const Options& options_;
  const Wishes& wishes_;
  const ListenerOptions& listener_;
  const Routes routes_;
  net::Loop& loop_;
  std::ostream& out_;
  const Manner manner_;
  std::map<std::string, Way, std::less<>> direct_;  // by the backend's name
  Way through_;
  std::unique_ptr<Trial> trial_;
  bool taken_ = false;  // the listener's address, by somebody else
};

}  // namespace

Verdict Examine(const Options& options, const Wishes& wishes, std::ostream& out) {
  const Result<std::unique_ptr<net::Loop>> loop = net::Loop::Create({});
  if (!loop.ok()) {
    out << loop.error() << "\n";
    return Verdict::kCouldNotRun;
  }
  return Examination(options, wishes, *loop.value(), out).Run();
}

}  // namespace sheaf::doctor
