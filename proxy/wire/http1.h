// HTTP/1.x (RFC 9112): bytes in, values out. All of it in one include.
//
// A head is first collected whole (HeadScanner says when it is), then parsed in one go into views of its bytes:
//
//   HeadScanner scanner;
//   switch (scanner.Scan(all_bytes_so_far, limits)) { case kComplete: head = bytes.substr(0, scanner.head_size()); ...
//   } RequestHead request; if (auto refusal = ParseRequestHead(head, limits, request)) ...
//
// Bodies pass through a BodyDecoder, which never buffers: it hands out views of the bytes it was given.
#pragma once

#include "proxy/wire/http1_body.h"     // IWYU pragma: export
#include "proxy/wire/http1_head.h"     // IWYU pragma: export
#include "proxy/wire/http1_scanner.h"  // IWYU pragma: export
#include "proxy/wire/http1_target.h"   // IWYU pragma: export
