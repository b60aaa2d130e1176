"""Takes apart the batch frames of the Sheaf WebSocket proxy. The format: batching/envelopes.md.

Here are the pure functions. The helper for `websockets` is sheaf_batch.websockets, the one for `python-socketio`
sheaf_batch.socketio; neither library is needed for the rest.
"""

from .frames import ENVELOPES, EnvelopeError, Message, decode_frame
from .query import with_envelope

__all__ = ["ENVELOPES", "EnvelopeError", "Message", "decode_frame", "with_envelope"]
