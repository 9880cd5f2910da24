package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/permaudit/audit"
)

// The world of this service. It stores nothing: that it says yes or no is all that
// matters here.
var (
	users = map[string]user{
		"7":  {id: "7", name: "ada"},
		"12": {id: "12", name: "ben"},
		"30": {id: "30", name: "cleo"},
		"41": {id: "41", name: "dan", staff: true},
		"1":  {id: "1", name: "root", superuser: true},
	}
	anonymous = user{name: "AnonymousUser"}

	projects = map[string]object{
		"p1": {id: "p1", owner: "7", members: []string{"7", "12"}},
		"p2": {id: "p2", owner: "30", members: []string{"30"}, public: true},
	}
	tasks = map[string]object{
		"t1": {id: "t1", owner: "7", members: []string{"7", "12"}, assignee: "12"},
		"t2": {id: "t2", owner: "30", members: []string{"30"}, public: true},
	}
)

// newHandler returns the service: every route is guarded by the rules of a manager.
func newHandler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		pattern string
		rules   *rules
		action  audit.Action
		objects map[string]object // where the {id} of the pattern is looked up
	}{
		{"POST /projects", projectRules, audit.ActionCreate, nil},
		{"GET /projects/{id}", projectRules, audit.ActionRead, projects},
		{"PATCH /projects/{id}", projectRules, audit.ActionUpdate, projects},
		{"DELETE /projects/{id}", projectRules, audit.ActionDelete, projects},
		{"POST /projects/{id}/archive", projectRules, audit.ActionMutation, projects},
		{"POST /projects/{id}/tasks", taskRules, audit.ActionCreate, projects},
		{"GET /tasks/{id}", taskRules, audit.ActionRead, tasks},
		{"PATCH /tasks/{id}", taskRules, audit.ActionUpdate, tasks},
		{"DELETE /tasks/{id}", taskRules, audit.ActionDelete, tasks},
		{"POST /tasks/{id}/assign", taskRules, audit.ActionMutation, tasks},
	} {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			var o object
			if route.objects != nil {
				var found bool
				if o, found = route.objects[r.PathValue("id")]; !found {
					http.NotFound(w, r)
					return
				}
			}
			guard(w, r, route.rules, o, route.action)
		})
	}
	return withRequestID(mux)
}

// guard answers 200 if the rules allow all that the request asks for, and 403 if they
// deny part of it: to a 403 belongs at least one denied event, to a 200 none.
func guard(w http.ResponseWriter, r *http.Request, rules *rules, o object, action audit.Action) {
	attributes, err := attributesOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// A real service takes the user from its session.
	u, signedIn := users[r.Header.Get("X-User")]
	if !signedIn {
		u = anonymous
	}
	allowed, err := rules.check(r.Context(), u, o, action, attributes)
	switch {
	case err != nil:
		// What cannot be logged is not done. It is for each service to choose
		// that; another one may prefer to go on and to raise an alarm.
		http.Error(w, "the audit log is out of order", http.StatusServiceUnavailable)
	case !allowed:
		http.Error(w, "forbidden", http.StatusForbidden)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// attributesOf returns which attributes a request wants to see, ?fields=name,budget, or
// to change, the keys of the JSON object that it sends. There may be none.
func attributesOf(r *http.Request) ([]string, error) {
	if fields := r.URL.Query().Get("fields"); fields != "" {
		return strings.Split(fields, ","), nil
	}
	var payload map[string]any
	err := json.NewDecoder(r.Body).Decode(&payload)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the payload is no JSON object: %w", err)
	}
	return slices.Sorted(maps.Keys(payload)), nil
}

// withRequestID takes the id that the proxy in front of the service has given to a
// request, or gives it one. Every event that is emitted with the context of the request,
// or with one made of it, carries it.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := cmp.Or(r.Header.Get("X-Request-Id"), rand.Text())
		w.Header().Set("X-Request-Id", id)
		ctx := audit.ContextWithMetadata(r.Context(), map[string]any{audit.MetadataRequestID: id})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
