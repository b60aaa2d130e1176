import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;

/**
 * Clients of the soak of deflate with the JDK's own WebSocket, which offers no extension: {@code java Soak URL COUNT}
 * prints their ledger when it is over. See tests/integration/harness/deflate_app.py.
 */
public class Soak {
  private static final Pattern MESSAGE =
      Pattern.compile("\\{\"s\":\"(\\w+)\",\"g\":(\\d+),\"c\":\"(\\w+)\",\"b\":\"(.*)\"\\}", Pattern.DOTALL);
  private static final Pattern BYE = Pattern.compile("\\{\"bye\": (\\d+), \"over\": (true|false)\\}");
  private static final int MOST_FAILURES = 100;

  /** What became of the messages of all clients; guarded by itself. */
  private static class Ledger {
    int connections;
    int messages;
    int wrong;
    long missing;
    int outOfOrder;
    int failed;
    String firstProblem = "";

    void complain(String what) {
      if (firstProblem.isEmpty()) firstProblem = what.replaceAll("[\"\\\\]", "'");
    }

    String json() {
      return String.format(
          "{\"connections\":%d,\"messages\":%d,\"wrong\":%d,\"missing\":%d,\"out_of_order\":%d,\"failed\":%d,\"first_problem\":\"%s\"}",
          connections, messages, wrong, missing, outOfOrder, failed, firstProblem);
    }
  }

  /** One connection; its end is whether it was the last one, or the failure. */
  private static class Member implements WebSocket.Listener {
    final CompletableFuture<Boolean> end = new CompletableFuture<>();
    private final Ledger ledger;
    private final StringBuilder text = new StringBuilder();
    private final java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
    private long count;
    private long latest;

    Member(Ledger ledger) {
      this.ledger = ledger;
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        String whole = text.toString();
        text.setLength(0);
        onMessage(socket, whole);
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      byte[] part = new byte[data.remaining()];
      data.get(part);
      bytes.write(part, 0, part.length);
      if (last) {
        String whole = bytes.toString(StandardCharsets.UTF_8);
        bytes.reset();
        onMessage(socket, whole);
      }
      socket.request(1);
      return null;
    }

    private void onMessage(WebSocket socket, String whole) {
      synchronized (ledger) {
        Matcher bye = BYE.matcher(whole);
        if (bye.matches()) {
          ledger.missing += Long.parseLong(bye.group(1)) - count;
          socket.sendClose(WebSocket.NORMAL_CLOSURE, "");
          end.complete(bye.group(2).equals("true"));
          return;
        }
        ++count;
        ++ledger.messages;
        if (!whole.isEmpty()) check(whole);
      }
    }

    private void check(String whole) {
      Matcher message = MESSAGE.matcher(whole);
      CRC32 sum = new CRC32();
      if (message.matches()) {
        String checked = message.group(1) + " " + message.group(2) + " " + message.group(4);
        sum.update(checked.getBytes(StandardCharsets.UTF_8));
      }
      if (!message.matches() || !String.format("%08x", sum.getValue()).equals(message.group(3))) {
        ++ledger.wrong;
        ledger.complain("message " + count + ": " + whole.substring(0, Math.min(80, whole.length())));
        return;
      }
      long number = Long.parseLong(message.group(2));
      if (number > 0 && number <= latest) {
        ++ledger.outOfOrder;
        ledger.complain(number + " came after " + latest);
      }
      if (number > 0) latest = number;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      end.completeExceptionally(new IllegalStateException("closed with " + code + " " + reason));
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      end.completeExceptionally(error);
    }
  }

  private static void live(HttpClient client, URI url, Ledger ledger) throws InterruptedException {
    for (boolean over = false; !over; ) {
      Member member = new Member(ledger);
      try {
        client.newWebSocketBuilder().buildAsync(url, member).join();
        synchronized (ledger) {
          ++ledger.connections;
        }
        over = member.end.join();
      } catch (RuntimeException failure) {
        synchronized (ledger) {
          ledger.complain(String.valueOf(failure.getCause()));
          if (++ledger.failed >= MOST_FAILURES) return;
        }
        Thread.sleep(100);
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    Ledger ledger = new Ledger();
    HttpClient client = HttpClient.newHttpClient();
    Thread[] members = new Thread[Integer.parseInt(arguments[1])];
    for (int i = 0; i < members.length; ++i) {
      members[i] =
          new Thread(
              () -> {
                try {
                  live(client, URI.create(arguments[0]), ledger);
                } catch (InterruptedException interrupted) {
                  Thread.currentThread().interrupt();
                }
              });
      members[i].start();
    }
    for (Thread member : members) member.join();
    System.out.println(ledger.json());
    System.exit(0);
  }
}
