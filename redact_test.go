package audit_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestKeysThatNameSecretsAreRedacted(t *testing.T) {
	for _, key := range []string{
		"password", "Password", "PASSWORD", "user_password", "passwordHash", "old-password", "password1", "HTTPPassword", "PASSWORDs", "passwd", "pwd", "passphrase",
		"secret", "client_secret", "clientSecret", "SECRET_KEY", "secretKey", "secretkey", "Secrets",
		"token", "accessToken", "access_token", "accesstoken", "X-Auth-Token", "CSRFToken", "csrftoken", "csrfmiddlewaretoken", "refresh.token", "id token", "oauth2token", "tokenID", "XMLToken", "JWT",
		"api_key", "apiKey", "APIKey", "APIKEY", "apikey", "api-key", "X-API-Key", "x_api_keys", "myApiKey", "API_KEY_2",
		"privateKey", "private-key", "PRIVATE_KEY", "private key", "private.key", "privatekey", "accessKey", "signing_key", "encryptionKey",
		"Authorization", "authorization", "Proxy-Authorization", "bearer", "credentials", "db.credential",
		"Cookie", "Set-Cookie", "cookies", "session_cookie", "sessionid", "session_id", "sessionKey",
		"a_word_that_is_much_longer_than_any_secret_password", "wordthatismuchlongerthananyofthesecretwords_token", "mot·de·passe_secret",
	} {
		_, read := recordLine(t, withMetadataKey(key, "hunter2"))
		require.Equal(t, map[string]any{key: audit.Redacted}, read.Metadata)
		require.Equal(t, []string{"metadata." + key + ":redacted"}, read.Sanitized)
	}
	for _, key := range []string{
		"secretary", "secretariat", "tokenizer", "tokenized", "passwordless", "monkey", "author", "authority", "authors", "authorized", "cookiecutter",
		"keyboard", "key", "keys", "compass", "passport", "pass", "bypass", "api", "private", "access", "session", "apiKeyboard", "private_keyboard",
		"secrétaire", "token\u00e9", "a", "", "-", "_._", "42", "request_id", "trace_id", "deployment", "policy_version", "object_id", "reason",
		"sample_rate", "signature", "signing", "pwdx", "xpwd", "credentialed", "keyPrivate", "apikeyboard", strings.Repeat("password", 5),
	} {
		_, read := recordLine(t, withMetadataKey(key, "kept"))
		require.Equal(t, map[string]any{key: "kept"}, read.Metadata)
		require.Empty(t, read.Sanitized)
	}
}

func TestTheDefaultRedactorLooksAtTheLastKeyOnly(t *testing.T) {
	for _, path := range [][]string{nil, {}, {"password", "hint"}, {"tokens", "0"}} {
		value, redacted := audit.DefaultRedactor(path, 7)
		require.False(t, redacted)
		require.Equal(t, 7, value)
	}
}

func withMetadataKey(key string, value any) audit.PermissionAuditEvent {
	event := decision()
	event.Metadata = map[string]any{key: value}
	return event
}

func TestSecretsAreFoundWhereverTheyStand(t *testing.T) {
	type account struct {
		Name   string `json:"name"`
		Secret string `json:"api_key"`
		Token  []byte
	}
	for name, row := range map[string]struct {
		value any
		path  string
	}{
		"map":                {map[string]any{"password": "hunter2"}, "password"},
		"typed map":          {map[string]string{"password": "hunter2"}, "password"},
		"map of maps":        {map[string]map[string]string{"a": {"password": "hunter2"}}, "a.password"},
		"list of maps":       {[]any{1, map[string]any{"password": "hunter2"}}, "1.password"},
		"list of typed maps": {[]map[string]string{{}, {"password": "hunter2"}}, "1.password"},
		"named key":          {map[label]string{"password": "hunter2"}, "password"},
		"header":             {http.Header{"Authorization": {"Bearer hunter2"}}, "Authorization"},
		"struct":             {account{Secret: "hunter2"}, "Token"},
		"pointer to struct":  {&account{Secret: "hunter2"}, "Token"},
		"list of structs":    {[]account{{Secret: "hunter2"}}, "0.Token"},
		"raw JSON":           {json.RawMessage(`{"a":[{"passw\u006frd":"hunter2"}]}`), "a.0.password"},
		"marshaler":          {lyingJSON{`{"token":"hunter2"}`}, "token"},
		"any other type":     {map[string]any{"token": []any{map[string]any{"x": "hunter2"}}}, "token"},
		"pointer":            {&[]*map[string]any{{"token": "hunter2"}}, "0.token"},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(line string, read audit.PermissionAuditEvent) {
				require.NotContains(t, line, "hunter2")
				require.Contains(t, read.Sanitized, "metadata.v."+row.path+":redacted")
			}
			check(recordLine(t, withValue(row.value)))

			ctx := audit.ContextWithMetadata(t.Context(), map[string]any{"v": row.value})
			entry, err := audit.NewEntry(ctx, decision())
			require.NoError(t, err)
			line := string(entry.AppendJSON(nil))
			check(line, readLine(t, line))
		})
	}
}

func TestSecretsOfTheContextAreRedacted(t *testing.T) {
	ctx := audit.ContextWithMetadata(t.Context(), map[string]any{"password": "hunter2", "ok": 1})
	entry, err := audit.NewEntry(ctx, decision())
	require.NoError(t, err)
	require.JSONEq(t, `{"ok":1,"password":"[redacted]"}`, string(entry.Metadata))
	require.JSONEq(t, `["metadata.password:redacted"]`, string(entry.Sanitized))
}

func TestFreezeRedactsNothing(t *testing.T) {
	event := withMetadataKey("password", "hunter2")
	frozen := event.Freeze(t.Context())
	require.Equal(t, event.Metadata, frozen.Metadata)
	require.Empty(t, frozen.Sanitized)
}

func TestNoRedactionRedactsNothing(t *testing.T) {
	_, read := recordRedacted(t, withMetadataKey("password", "hunter2"), audit.NoRedaction)
	require.Equal(t, map[string]any{"password": "hunter2"}, read.Metadata)
	require.Empty(t, read.Sanitized)
}

func TestTheRedactorIsAskedAboutContainersBeforeTheirContent(t *testing.T) {
	event := decision()
	event.Metadata = map[string]any{
		"b": []any{"x", map[string]any{"z": 1, "y": []string{"p"}}},
		"a": map[int]any{7: nil},
		"c": json.RawMessage(`{"d":[true]}`),
	}
	var mu sync.Mutex
	var asked []string
	recordRedacted(t, event, func(path []string, value any) (any, bool) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, strings.Join(path, "/"))
		return value, false
	})
	require.Equal(t, []string{"a", "a/7", "b", "b/0", "b/1", "b/1/y", "b/1/y/0", "b/1/z", "c", "c/d", "c/d/0"}, asked)
}

func TestTheRedactorSeesTheValueAndMayKeepAnything(t *testing.T) {
	original := map[string]any{"x": 1}
	event := withValue(original)
	recordRedacted(t, event, func(path []string, value any) (any, bool) {
		if slices.Equal(path, []string{"v"}) {
			require.Equal(t, original, value)
		}
		return "not used", false
	})
	require.Equal(t, map[string]any{"x": 1}, original)
}

func TestTheReplacementIsOfAnyType(t *testing.T) {
	for recorded, replacement := range map[string]any{
		`null`:  nil,
		`"***"`: "***",
		`7`:     7,
		`{"hidden":["password"],"password":"kept, for it is the redactor's"}`: map[string]any{"hidden": []string{"password"}, "password": "kept, for it is the redactor's"},
		`"[unsupported: func()]"`:             func() {},
		`"` + "\ufffd" + `"`:                  "\x00",
		`"[panic: audit_test.panickingJSON]"`: panickingJSON{},
		`"[too large]"`:                       make([]int, 1<<20),
	} {
		event := withValue(map[string]any{"inner": "hunter2"})
		asked := 0
		line, read := recordRedacted(t, event, func(path []string, _ any) (any, bool) {
			asked++
			return replacement, path[len(path)-1] == "v"
		})
		require.Contains(t, line, `"metadata":{"v":`+recorded+`}`)
		require.Equal(t, 1, asked, "nobody asks about a replacement")
		if recorded == `"[too large]"` {
			require.Equal(t, []string{"metadata.v:size"}, read.Sanitized)
		} else {
			require.Equal(t, "metadata.v:redacted", read.Sanitized[0])
		}
	}
}

func TestTheRedactorGoesOnAfterWhatItRedacted(t *testing.T) {
	event := decision()
	event.Metadata = map[string]any{"a": 1, "b": map[string]any{"c": 2, "d": 3}, "e": 4}
	_, read := recordRedacted(t, event, func(path []string, value any) (any, bool) {
		return "x", path[len(path)-1] == "a" || path[len(path)-1] == "c" || path[len(path)-1] == "e"
	})
	require.Equal(t, map[string]any{"a": "x", "b": map[string]any{"c": "x", "d": json.Number("3")}, "e": "x"}, read.Metadata)
	require.Equal(t, []string{"metadata.a:redacted", "metadata.b.c:redacted", "metadata.e:redacted"}, read.Sanitized)
}

func TestARedactorThatPanicsRedacts(t *testing.T) {
	event := decision()
	event.Metadata = map[string]any{"a": "fine", "b": "hunter2", "c": []any{"hunter2", "fine"}}
	line, read := recordRedacted(t, event, func(_ []string, value any) (any, bool) {
		if value == "hunter2" {
			panic(value)
		}
		return value, false
	})
	require.NotContains(t, line, "hunter2")
	require.Equal(t, "fine", read.Metadata["a"])
	require.Equal(t, audit.Redacted, read.Metadata["b"])
	require.Contains(t, read.Sanitized, "metadata.b:redacted")
	requireCore(t, event, read)
}
