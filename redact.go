package audit

// Redacted is what DefaultRedactor puts in the place of a secret.
const Redacted = "[redacted]"

// Redactor hides secrets. It is asked about each key and each element of the
// metadata, containers before their content: path is where the value stands, the
// keys and the indexes of lists from the outside in. If redact is true,
// replacement is recorded instead, and the path is named in Sanitized. A Redactor
// is called concurrently, must not keep path, and redacts by panicking.
type Redactor func(path []string, value any) (replacement any, redact bool)

// DefaultRedactor redacts what the usual names of secrets name: password, secret,
// token, authorization, cookie, api_key, private_key and their like. Keys are
// compared by whole words, which end at - _ . space, at digits and where the case
// changes: accessToken is a secret, secretary is not. Values are not looked at.
func DefaultRedactor(path []string, value any) (replacement any, redact bool) {
	if len(path) == 0 {
		return value, false
	}
	if isSecret(path[len(path)-1]) {
		return Redacted, true
	}
	return value, false
}

// NoRedaction redacts nothing.
func NoRedaction(_ []string, value any) (replacement any, redact bool) { return value, false }

// isSecret reports whether key names a secret.
func isSecret(key string) bool {
	switch key {
	case MetadataRequestID, MetadataTraceID, MetadataDeployment, MetadataPolicyVersion, MetadataObjectID, MetadataReason, MetadataSampleRate:
		return false // the usual keys, without a look at their words
	}
	return namesSecret(key)
}

// secretWord reports whether a word, or two joined ones, names a secret.
func secretWord(word []byte) bool {
	switch string(word) {
	case "password", "passwords", "passwd", "passphrase", "passcode", "pwd",
		"secret", "secrets", "clientsecret", "secretkey", "secretkeys",
		"token", "tokens", "accesstoken", "authtoken", "refreshtoken", "csrftoken", "csrfmiddlewaretoken",
		"authorization", "bearer", "jwt", "cookie", "cookies", "credential", "credentials",
		"apikey", "apikeys", "accesskey", "accesskeys", "privatekey", "privatekeys", "signingkey", "signingkeys",
		"encryptionkey", "encryptionkeys", "sessionid", "sessionkey":
		return true
	}
	return false
}

// namesSecret splits key into words and looks at each, and at each two in a row.
func namesSecret(key string) bool {
	var buffer [32]byte // two words in lower case; a word that is too long for it is no secret
	before := 0         // the length of the first
	for start := 0; start < len(key); {
		if !isLetter(key[start]) {
			start++
			continue
		}
		end := wordEnd(key, start)
		word := key[start:end]
		start = end
		if before+len(word) > len(buffer) {
			before = 0
		}
		if len(word) > len(buffer) {
			continue
		}
		for i := range len(word) {
			buffer[before+i] = lower(word[i])
		}
		joined := buffer[:before+len(word)]
		if secretWord(joined) || secretWord(joined[before:]) {
			return true
		}
		before = copy(buffer[:], joined[before:])
	}
	return false
}

// wordEnd returns where the word that starts at start ends: before what is no
// letter, before a capital after a small letter, and before the last capital of
// several when a small letter follows (APIKey).
func wordEnd(key string, start int) int {
	for end := start + 1; end < len(key); end++ {
		c := key[end]
		switch {
		case !isLetter(c), isUpper(c) && !isUpper(key[end-1]):
			return end
		case isUpper(c) && end+1 < len(key) && isLetter(key[end+1]) && !isUpper(key[end+1]):
			return end
		}
	}
	return len(key)
}

// isLetter takes every byte of a character beyond ASCII for a small letter.
func isLetter(c byte) bool { return c >= 0x80 || lower(c) >= 'a' && lower(c) <= 'z' }
func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }

func lower(c byte) byte {
	if isUpper(c) {
		c += 'a' - 'A'
	}
	return c
}
