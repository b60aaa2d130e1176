import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** The JDK's own WebSocket client: {@code java Stock.java BASE CASE} runs one case and prints what it saw. */
public class Stock {
  /** Gathers the parts of messages; its end is the first whole message, a pong, or how the connection ended. */
  private static class Seen implements WebSocket.Listener {
    final CompletableFuture<String> end = new CompletableFuture<>();
    final String sent;
    private final StringBuilder text = new StringBuilder();
    private long bytes;
    private boolean equal = true;

    Seen(String sent) {
      this.sent = sent;
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        int size = text.toString().getBytes(StandardCharsets.UTF_8).length;
        end.complete(sent == null || text.toString().equals(sent) ? size + " bytes came back" : "WRONG: other text came back");
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      while (data.hasRemaining()) {
        byte one = data.get();
        equal &= sent == null || (bytes < sent.length() && (byte) sent.charAt((int) bytes) == one);
        ++bytes;
      }
      if (last) end.complete(!equal ? "WRONG: other bytes came back" : sent == null ? bytes + " bytes" : bytes + " bytes came back");
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket socket, ByteBuffer data) {
      end.complete("pong \"" + StandardCharsets.UTF_8.decode(data) + "\"");
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      end.complete("close " + code + " \"" + reason + "\"");
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      end.complete("close 1006 \"\"");
    }
  }

  private static WebSocket dial(String url, Seen seen, String... protocols) {
    WebSocket.Builder builder = HttpClient.newHttpClient().newWebSocketBuilder();
    if (protocols.length > 0) builder.subprotocols(protocols[0], protocols[1]);
    return builder.buildAsync(URI.create(url), seen).join();
  }

  private static String wait(Seen seen) throws Exception {
    return seen.end.get(60, TimeUnit.SECONDS);
  }

  private static String letters(int size) {
    return "abcdefghijklmnop".repeat(size / 16 + 1).substring(0, size);
  }

  private static String text(String url, String message) throws Exception {
    Seen seen = new Seen(message);
    dial(url, seen).sendText(message, true);
    return wait(seen);
  }

  private static String binary(String url, String message) throws Exception {
    Seen seen = new Seen(message);
    dial(url, seen).sendBinary(ByteBuffer.wrap(message.getBytes(StandardCharsets.ISO_8859_1)), true);
    return wait(seen);
  }

  private static String fragments(String url, int count, int size) throws Exception {
    String whole = letters(count * size);
    Seen seen = new Seen(whole);
    WebSocket socket = dial(url, seen);
    try {
      for (int i = 0; i < count && !seen.end.isDone(); ++i) {
        socket.sendText(whole.substring(i * size, (i + 1) * size), i + 1 == count).join();
      }
    } catch (Exception refused) {
      // The Close that says why is told to the listener.
    }
    return wait(seen);
  }

  private static String waitForClose(String url, String first) throws Exception {
    Seen seen = new Seen(null);
    WebSocket socket = dial(url, seen);
    if (first == null) {
      System.out.println("open");
      System.out.flush();
    } else {
      socket.sendText(first, true);
    }
    return wait(seen);
  }

  private static String abort(String url) throws Exception {
    Seen seen = new Seen(null);
    WebSocket socket = dial(url, seen);
    socket.sendText("x", true);
    wait(seen);
    socket.abort();
    return "gone";
  }

  private static String run(String base, String what) throws Exception {
    Seen seen = new Seen(null);
    switch (what) {
      case "text":
        return text(base + "/echo", "héllo");
      case "binary":
        return binary(base + "/echo", "\u0000\u00ff\n\r");
      case "5 MB":
        return text(base + "/echo", letters(5_000_000));
      case "16 MB":
        return binary(base + "/echo", letters(16_000_000));
      case "receive":
        dial(base + "/big?size=20971520", seen);
        return wait(seen);
      case "fragments":
        return fragments(base + "/echo", 20_000, 10);
      case "ping":
        dial(base + "/echo", seen).sendPing(ByteBuffer.wrap("are you there".getBytes(StandardCharsets.UTF_8)));
        return wait(seen);
      case "protocol":
        return dial(base + "/protocol", seen, "v1", "v2").getSubprotocol();
      case "close":
        dial(base + "/closing?id=java", seen).sendClose(4001, "bye");
        return wait(seen);
      case "closed":
        return waitForClose(base + "/close?code=4002&reason=enough", "go");
      case "stopped":
      case "killed":
        return waitForClose(base + "/hold", null);
      case "abort":
        return abort(base + "/closing?id=java");
      default:
        return "-";
    }
  }

  public static void main(String[] arguments) throws Exception {
    System.out.println(run(arguments[0], arguments[1]));
    System.exit(0);
  }
}
