#include "pool/bad_answer.h"

#include <string>

#include "proxy/base/log.h"

namespace sheaf::pool {

void ReportBadAnswer(std::string_view upstream, std::string_view cause, std::string_view seen,
                     const RequestInLog& request) {
  Log(LogLevel::kWarning, "the backend's answer is not valid",
      {{"upstream", upstream},
       {"cause", cause},
       {"seen", seen},
       {"request", std::string(request.method).append(" ").append(request.target.substr(0, request.target.find('?')))},
       {"request_id", request.request_id}});
}

}  // namespace sheaf::pool
