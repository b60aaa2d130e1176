package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

type coderClient struct{}

func coderDial(url string, options *websocket.DialOptions) (*websocket.Conn, error) {
	connection, _, err := websocket.Dial(context.Background(), url, options)
	if err == nil {
		connection.SetReadLimit(-1)
	}
	return connection, err
}

func coderError(err error) string {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return fmt.Sprintf("close %d %q", closed.Code, closed.Reason)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer"
	}
	return "close 1006 \"\""
}

// A frame a call of its writer, as io.Copy makes them: 32 KiB.
func coderSend(connection *websocket.Conn, kind websocket.MessageType, payload []byte, size int) error {
	writer, err := connection.Writer(context.Background(), kind)
	if err != nil {
		return err
	}
	for len(payload) > 0 {
		piece := payload[:min(size, len(payload))]
		if _, err = writer.Write(piece); err != nil {
			return err
		}
		payload = payload[len(piece):]
	}
	return writer.Close()
}

func coderEcho(url string, kind websocket.MessageType, payload []byte, size int, options *websocket.DialOptions) string {
	connection, err := coderDial(url, options)
	if err != nil {
		return err.Error()
	}
	defer connection.CloseNow()
	go coderSend(connection, kind, payload, size)
	received, message, err := connection.Read(context.Background())
	if err != nil {
		return coderError(err)
	}
	if received != kind {
		return "WRONG: of another kind"
	}
	return same(payload, message)
}

func (coderClient) echo(url string, text bool, payload []byte, deflate bool) string {
	kind := websocket.MessageBinary
	if text {
		kind = websocket.MessageText
	}
	options := &websocket.DialOptions{}
	if deflate {
		options.CompressionMode = websocket.CompressionContextTakeover
	}
	return coderEcho(url, kind, payload, 32*1024, options)
}

func (coderClient) receive(url string) string {
	connection, err := coderDial(url, nil)
	if err != nil {
		return err.Error()
	}
	defer connection.CloseNow()
	_, reader, err := connection.Reader(context.Background())
	if err != nil {
		return coderError(err)
	}
	count, err := io.Copy(io.Discard, reader)
	if err != nil {
		return coderError(err)
	}
	return fmt.Sprintf("%d bytes", count)
}

func (coderClient) fragments(url string, count, size int) string {
	return coderEcho(url, websocket.MessageText, letters(count*size), size, nil)
}

func (coderClient) ping(url string) string {
	connection, err := coderDial(url, nil)
	if err != nil {
		return err.Error()
	}
	defer connection.CloseNow()
	connection.CloseRead(context.Background())
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := connection.Ping(soon); err != nil {
		return "no pong"
	}
	return "pong"
}

func (coderClient) subprotocol(url string) string {
	connection, err := coderDial(url, &websocket.DialOptions{Subprotocols: []string{"v1", "v2"}})
	if err != nil {
		return err.Error()
	}
	defer connection.CloseNow()
	return connection.Subprotocol()
}

func (coderClient) closeWith(url string, code int, reason string) string {
	connection, err := coderDial(url, nil)
	if err != nil {
		return err.Error()
	}
	if err := connection.Close(websocket.StatusCode(code), reason); err != nil {
		return coderError(err)
	}
	return "closed in order"
}

func (coderClient) waitForClose(url, first string, opened func()) string {
	connection, err := coderDial(url, nil)
	if err != nil {
		return err.Error()
	}
	defer connection.CloseNow()
	if first != "" {
		connection.Write(context.Background(), websocket.MessageText, []byte(first))
	}
	if opened != nil {
		opened()
	}
	_, _, err = connection.Read(context.Background())
	return coderError(err)
}

func (coderClient) abort(url string) string {
	connection, err := coderDial(url, nil)
	if err != nil {
		return err.Error()
	}
	connection.Write(context.Background(), websocket.MessageText, []byte("x"))
	connection.Read(context.Background())
	connection.CloseNow()
	return "gone"
}

// The library hides its socket: the dial keeps it.
func (coderClient) halfClose(url string) string {
	var socket net.Conn
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		socket, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return socket, err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	connection, err := coderDial(url, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		return err.Error()
	}
	defer connection.CloseNow()
	connection.Write(context.Background(), websocket.MessageText, []byte("x"))
	socket.(*net.TCPConn).CloseWrite()
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, message, err := connection.Read(soon)
	if err != nil {
		return coderError(err)
	}
	_, _, err = connection.Read(soon)
	return fmt.Sprintf("%q, then %s", message, coderError(err))
}
