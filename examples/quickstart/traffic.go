package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Each user sends each of the requests, several times.
const (
	clients = 4
	rounds  = 3
)

var requests = []struct{ method, path, payload string }{
	{"POST", "/projects", `{"name": "Apollo"}`},
	{"GET", "/projects/p1?fields=name,budget", ""},
	{"GET", "/projects/p2", ""},
	{"PATCH", "/projects/p1", `{"name": "Gemini", "status": "active"}`},
	{"PATCH", "/projects/p1", `{"status": "active", "budget": 1000}`},
	{"PATCH", "/projects/p2", `{}`},
	{"DELETE", "/projects/p2", ""},
	{"POST", "/projects/p1/archive", `{"reason": "finished"}`},
	{"POST", "/projects/p1/tasks", `{"title": "Land", "estimate": 3}`},
	{"GET", "/tasks/t1?fields=title,estimate", ""},
	{"GET", "/tasks/t2?fields=title,estimate", ""},
	{"PATCH", "/tasks/t1", `{"title": "Dock", "budget": 10}`},
	{"DELETE", "/tasks/t1", ""},
	{"POST", "/tasks/t1/assign", `{"assignee": "12"}`},
}

// response is what the service answered to one request.
type response struct {
	requestID string
	status    int
}

// sendRequests sends the requests from several goroutines, each its share, and returns
// what was answered. Their set is always the same, their order is not.
func sendRequests(ctx context.Context, url string) ([]response, error) {
	names := append(slices.Sorted(maps.Keys(users)), "") // "" is anonymous
	responses := make([]response, rounds*len(names)*len(requests))
	errs := make([]error, clients)

	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var group sync.WaitGroup
	for first := range clients {
		group.Go(func() {
			for i := first; i < len(responses) && errs[first] == nil; i += clients {
				name := names[i%len(names)]
				request := requests[i/len(names)%len(requests)]
				id := fmt.Sprintf("r-%03d", i+1)
				responses[i], errs[first] = send(ctx, client, id, name, request.method, url+request.path, request.payload)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return responses, nil
}

func send(ctx context.Context, client *http.Client, id, name, method, url, payload string) (response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(payload))
	if err != nil {
		return response{}, err
	}
	request.Header.Set("X-User", name)
	request.Header.Set("X-Request-Id", id)
	answer, err := client.Do(request)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body) // to its end: the connection is used again
	if err != nil {
		return response{}, err
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusForbidden {
		return response{}, fmt.Errorf("%s %s: %s: %s", method, url, answer.Status, text)
	}
	return response{answer.Header.Get("X-Request-Id"), answer.StatusCode}, nil
}
