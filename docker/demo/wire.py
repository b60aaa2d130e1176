"""What the kernel has counted of a TCP connection: the bytes and segments that went over the wire.

It is asked over netlink (sock_diag(7)), which needs no privilege and knows the sockets of other processes, too.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_INFO = 2
TCP_ESTABLISHED = 1
NETLINK_SOCK_DIAG = 4

MESSAGE_HEADER = struct.Struct("=IHHII")
# Family, state, timer, retransmissions; then the socket's ports in network order.
DIAG_HEAD = struct.Struct("=BBBB")
PORTS = struct.Struct("!HH")
DIAG_MESSAGE_BYTES = 72
ATTRIBUTE_HEADER = struct.Struct("=HH")
# Of struct tcp_info (linux/tcp.h).
DATA_SEGMENTS_OUT, BYTES_SENT = (struct.Struct("=I"), 156), (struct.Struct("=Q"), 200)


@dataclass(frozen=True)
class Counted:
    """What has been sent on one connection: bytes above TCP, and the segments that carried them."""

    bytes: int
    segments: int


def sent_by(port: int) -> dict[int, Counted]:
    """What has been sent on each established IPv4 connection of a local port, by the other side's port.

    Empty where the system does not tell: no Linux, or a sandbox without sock_diag.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(1)
            netlink.send(_request())
            return _read_all(netlink, port)
    except (OSError, AttributeError):
        return {}


def _request() -> bytes:
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0, 1 << TCP_ESTABLISHED)
    body += bytes(48)  # any address and port
    size = MESSAGE_HEADER.size + len(body)
    return MESSAGE_HEADER.pack(size, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + body


def _read_all(netlink: socket.socket, port: int) -> dict[int, Counted]:
    found: dict[int, Counted] = {}
    while True:
        data = netlink.recv(1 << 18)
        while data:
            size, kind, *_ = MESSAGE_HEADER.unpack_from(data)
            if kind in (NLMSG_DONE, NLMSG_ERROR):
                return found
            message, data = data[MESSAGE_HEADER.size : size], data[(size + 3) & ~3 :]
            local, remote = PORTS.unpack_from(message, DIAG_HEAD.size)
            info = _tcp_info(message)
            if local == port and info:
                found[remote] = info


def _tcp_info(message: bytes) -> Counted | None:
    attributes = message[DIAG_MESSAGE_BYTES:]
    while len(attributes) >= ATTRIBUTE_HEADER.size:
        size, kind = ATTRIBUTE_HEADER.unpack_from(attributes)
        if kind == INET_DIAG_INFO:
            return _counted(attributes[ATTRIBUTE_HEADER.size : size])
        attributes = attributes[max((size + 3) & ~3, ATTRIBUTE_HEADER.size) :]
    return None


def _counted(info: bytes) -> Counted | None:
    layout, offset = BYTES_SENT
    if len(info) < offset + layout.size:  # Linux before 4.19 does not count them
        return None
    segments, segments_offset = DATA_SEGMENTS_OUT
    return Counted(layout.unpack_from(info, offset)[0], segments.unpack_from(info, segments_offset)[0])
