package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

type gorillaClient struct{}

// With the library's defaults: a write buffer of 4 KiB, so a frame each 4 KiB of what goes through a writer.
func gorillaDial(url string, dialer websocket.Dialer) (*websocket.Conn, error) {
	connection, _, err := dialer.Dial(url, nil)
	return connection, err
}

func gorillaError(err error) string {
	var closed *websocket.CloseError
	// 1006 is the library's own word for an end without a Close.
	if errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return fmt.Sprintf("close %d %q", closed.Code, closed.Text)
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return "no answer"
	}
	return "close 1006 \"\""
}

// As an application does that streams a message: through the library's writer.
func gorillaSend(connection *websocket.Conn, kind int, payload []byte) error {
	writer, err := connection.NextWriter(kind)
	if err != nil {
		return err
	}
	if _, err = writer.Write(payload); err != nil {
		return err
	}
	return writer.Close()
}

func (gorillaClient) echo(url string, text bool, payload []byte, deflate bool) string {
	connection, err := gorillaDial(url, websocket.Dialer{EnableCompression: deflate})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	kind := websocket.BinaryMessage
	if text {
		kind = websocket.TextMessage
	}
	failed := make(chan error, 1)
	go func() { failed <- gorillaSend(connection, kind, payload) }()
	received, message, err := connection.ReadMessage()
	if err != nil {
		return gorillaError(err)
	}
	if received != kind {
		return "WRONG: of another kind"
	}
	return same(payload, message)
}

func (gorillaClient) receive(url string) string {
	connection, err := gorillaDial(url, websocket.Dialer{})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	_, message, err := connection.ReadMessage()
	if err != nil {
		return gorillaError(err)
	}
	return fmt.Sprintf("%d bytes", len(message))
}

func (gorillaClient) fragments(url string, count, size int) string {
	// The buffer is what a frame may hold.
	connection, err := gorillaDial(url, websocket.Dialer{WriteBufferSize: size})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	payload := letters(count * size)
	go gorillaSend(connection, websocket.TextMessage, payload)
	_, message, err := connection.ReadMessage()
	if err != nil {
		return gorillaError(err)
	}
	return same(payload, message)
}

func (gorillaClient) ping(url string) string {
	connection, err := gorillaDial(url, websocket.Dialer{})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	pong := make(chan string, 1)
	connection.SetPongHandler(func(data string) error { pong <- data; return nil })
	go connection.ReadMessage()
	connection.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second))
	select {
	case data := <-pong:
		return fmt.Sprintf("pong %q", data)
	case <-time.After(5 * time.Second):
		return "no pong"
	}
}

func (gorillaClient) subprotocol(url string) string {
	connection, err := gorillaDial(url, websocket.Dialer{Subprotocols: []string{"v1", "v2"}})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	return connection.Subprotocol()
}

func (gorillaClient) closeWith(url string, code int, reason string) string {
	connection, err := gorillaDial(url, websocket.Dialer{})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	connection.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
	connection.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _, err = connection.ReadMessage()
	return gorillaError(err)
}

func (gorillaClient) waitForClose(url, first string, opened func()) string {
	connection, err := gorillaDial(url, websocket.Dialer{})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	if first != "" {
		connection.WriteMessage(websocket.TextMessage, []byte(first))
	}
	if opened != nil {
		opened()
	}
	_, _, err = connection.ReadMessage()
	return gorillaError(err)
}

func (gorillaClient) abort(url string) string {
	connection, err := gorillaDial(url, websocket.Dialer{})
	if err != nil {
		return err.Error()
	}
	connection.WriteMessage(websocket.TextMessage, []byte("x"))
	connection.ReadMessage() // the echo: the backend has it
	connection.UnderlyingConn().Close()
	return "gone"
}

func (gorillaClient) halfClose(url string) string {
	connection, err := gorillaDial(url, websocket.Dialer{})
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	connection.WriteMessage(websocket.TextMessage, []byte("x"))
	connection.UnderlyingConn().(*net.TCPConn).CloseWrite()
	connection.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, message, err := connection.ReadMessage()
	if err != nil {
		return gorillaError(err)
	}
	_, _, err = connection.ReadMessage()
	return fmt.Sprintf("%q, then %s", message, gorillaError(err))
}
