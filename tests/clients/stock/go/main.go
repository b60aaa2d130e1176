// Stock WebSocket clients in Go: `stock gorilla|coder BASE CASE` runs one case of table.py and prints what it saw;
// `stock soak gorilla|coder URL COUNT` takes part in the soak of deflate.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A client library, as the cases need it. Every function returns what was seen as one line.
type client interface {
	echo(url string, text bool, payload []byte, deflate bool) string
	receive(url string) string
	fragments(url string, count, size int) string
	ping(url string) string
	subprotocol(url string) string
	closeWith(url string, code int, reason string) string
	waitForClose(url string, first string, opened func()) string
	abort(url string) string
	halfClose(url string) string
}

func letters(size int) []byte {
	return []byte(strings.Repeat("abcdefghijklmnop", size/16+1)[:size])
}

func same(sent, received []byte) string {
	if string(sent) == string(received) {
		return fmt.Sprintf("%d bytes came back", len(received))
	}
	return fmt.Sprintf("WRONG: %d bytes sent, %d others came back", len(sent), len(received))
}

func main() {
	if os.Args[1] == "soak" {
		count, _ := strconv.Atoi(os.Args[4])
		soakMembers(os.Args[2], os.Args[3], count)
		return
	}
	name, base, what := os.Args[1], os.Args[2], os.Args[3]
	var one client = gorillaClient{}
	if name == "coder" {
		one = coderClient{}
	}
	cases := map[string]func() string{
		"text":      func() string { return one.echo(base+"/echo", true, []byte("héllo"), false) },
		"binary":    func() string { return one.echo(base+"/echo", false, []byte{0, 255, 10, 13}, false) },
		"5 MB":      func() string { return one.echo(base+"/echo", true, letters(5_000_000), false) },
		"16 MB":     func() string { return one.echo(base+"/echo", false, letters(16_000_000), false) },
		"deflate":   func() string { return one.echo(base+"/echo", true, letters(100_000), true) },
		"receive":   func() string { return one.receive(base + "/big?size=20971520") },
		"fragments": func() string { return one.fragments(base+"/echo", 20_000, 10) },
		"ping":      func() string { return one.ping(base + "/echo") },
		"protocol":  func() string { return one.subprotocol(base + "/protocol") },
		"close":     func() string { return one.closeWith(base+"/closing?id="+name, 4001, "bye") },
		"closed":    func() string { return one.waitForClose(base+"/close?code=4002&reason=enough", "go", nil) },
		"stopped":   func() string { return one.waitForClose(base+"/hold", "", opened) },
		"killed":    func() string { return one.waitForClose(base+"/hold", "", opened) },
		"abort":     func() string { return one.abort(base + "/closing?id=" + name) },
		"half":      func() string { return one.halfClose(base + "/echo") },
	}
	run, ok := cases[what]
	if !ok {
		fmt.Println("-")
		return
	}
	fmt.Println(run())
}

func opened() { fmt.Println("open") }
