package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

const mostFailures = 100

// What became of the messages of all clients of the process, as the other clients of the soak tell it.
type soakLedger struct {
	Connections  int    `json:"connections"`
	Messages     int    `json:"messages"`
	Wrong        int    `json:"wrong"`
	Missing      int    `json:"missing"`
	OutOfOrder   int    `json:"out_of_order"`
	Failed       int    `json:"failed"`
	FirstProblem string `json:"first_problem"`
}

// A message of tests/integration/harness/deflate_app.py.
type soakMessage struct {
	Stream   string `json:"s"`
	Number   int    `json:"g"`
	Checksum string `json:"c"`
	Body     string `json:"b"`
	Bye      *int   `json:"bye"`
	Over     bool   `json:"over"`
}

// A connection of either library: its next message, and its end.
type soakConnection struct {
	read  func() ([]byte, error)
	close func()
}

// With permessage-deflate, which the library offers where it is told to, without context takeover.
func soakGorilla(url string) (soakConnection, error) {
	dialer := gorilla.Dialer{EnableCompression: true}
	connection, _, err := dialer.Dial(url, nil)
	if err != nil {
		return soakConnection{}, err
	}
	return soakConnection{
		read: func() ([]byte, error) { _, message, err := connection.ReadMessage(); return message, err },
		close: func() {
			closing := gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "")
			connection.WriteControl(gorilla.CloseMessage, closing, time.Now().Add(time.Second))
			connection.Close()
		},
	}, nil
}

// With context takeover on both sides.
func soakCoder(url string) (soakConnection, error) {
	options := websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover}
	connection, err := coderDial(url, &options)
	if err != nil {
		return soakConnection{}, err
	}
	return soakConnection{
		read:  func() ([]byte, error) { _, message, err := connection.Read(context.Background()); return message, err },
		close: func() { connection.Close(websocket.StatusNormalClosure, "") },
	}, nil
}

type soak struct {
	dial   func(url string) (soakConnection, error)
	url    string
	lock   sync.Mutex
	ledger soakLedger
}

func (s *soak) note(change func(*soakLedger), problem string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	change(&s.ledger)
	if s.ledger.FirstProblem == "" {
		s.ledger.FirstProblem = problem
	}
}

func (s *soak) failures() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.ledger.Failed
}

// One connection; whether it was the last one.
func (s *soak) stay() (bool, error) {
	connection, err := s.dial(s.url)
	if err != nil {
		return false, err
	}
	defer connection.close()
	s.note(func(l *soakLedger) { l.Connections++ }, "")
	for count, latest := 0, 0; ; {
		text, err := connection.read()
		if err != nil {
			return false, err
		}
		var message soakMessage
		if len(text) > 0 {
			if err := json.Unmarshal(text, &message); err != nil {
				return false, err
			}
		}
		if message.Bye != nil {
			s.note(func(l *soakLedger) { l.Missing += *message.Bye - count }, "")
			return message.Over, nil
		}
		count++
		s.check(message, len(text) == 0, count, latest)
		if message.Number > 0 {
			latest = message.Number
		}
	}
}

func (s *soak) check(message soakMessage, empty bool, count, latest int) {
	s.note(func(l *soakLedger) { l.Messages++ }, "")
	checked := fmt.Sprintf("%s %d %s", message.Stream, message.Number, message.Body)
	if !empty && fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(checked))) != message.Checksum {
		s.note(func(l *soakLedger) { l.Wrong++ }, fmt.Sprintf("message %d: %.80s", count, message.Body))
	}
	if message.Number > 0 && message.Number <= latest {
		s.note(func(l *soakLedger) { l.OutOfOrder++ }, fmt.Sprintf("%d came after %d", message.Number, latest))
	}
}

func (s *soak) live() {
	for over := false; !over && s.failures() < mostFailures; {
		var err error
		if over, err = s.stay(); err != nil {
			s.note(func(l *soakLedger) { l.Failed++ }, err.Error())
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// Clients of the soak of deflate: so many at a time until it is over. Prints their ledger.
func soakMembers(name, url string, members int) {
	s := soak{dial: soakGorilla, url: url}
	if name == "coder" {
		s.dial = soakCoder
	}
	var all sync.WaitGroup
	for ; members > 0; members-- {
		all.Add(1)
		go func() { defer all.Done(); s.live() }()
	}
	all.Wait()
	text, _ := json.Marshal(s.ledger)
	fmt.Println(string(text))
}
