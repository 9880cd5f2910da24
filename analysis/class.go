package analysis

// Class is what Suggest says of a key that was denied. Its text is that of JSON.
type Class string

// The classes; the first one that applies is the class. Users who are Probers do not count
// in any.
const (
	// ClassLost: granted until a moment, and then only denied, to at least three users.
	// Before, at most 10 % of the users were denied, each counted once in every part of
	// the time; and what came after differs from it by more than chance (Fisher's exact
	// test). Where grants and denials alternate for a while before the last grant, as
	// while a deployment is rolled out, that while does not count as before; but what
	// came after must differ from it, too.
	ClassLost Class = "lost"
	// ClassMissing: the rules never granted it to anybody, and denied it to at least
	// three users; to more where denials are so common that three could be chance.
	ClassMissing Class = "missing"
	// ClassHammering: denied to one or two users, twenty times or more: somebody who
	// probes, or a client that does not give up.
	ClassHammering Class = "hammering"
	// ClassRole: granted to others, as to those who have a role.
	ClassRole Class = "role"
	// ClassFew: nothing can be said.
	ClassFew Class = "few"
)

// isRule reports whether it makes a Suggestion.
func (c Class) isRule() bool { return c == ClassMissing || c == ClassLost }

// What classes need at least, and at most.
const (
	// leastDenied is how many users are denied what is missing or lost: two may be
	// mistaken, or try things out; more than two who want the same are a demand.
	leastDenied = 3
	// mostDeniedBefore is the share of denials before a rule was lost. In any log a few
	// percent are denied; where it is more than that, the rule never held for all.
	mostDeniedBefore = 0.10
	// chanceLevel is how likely chance is at most where it is held to be none, in one key:
	// small, since a loss can be seen at any of many moments.
	chanceLevel = 0.001
	// chanceInLog is how many keys of a log are called missing, and how many lost, by
	// chance, on average at most: it is divided among the keys. A suggestion that chance
	// made costs the trust in all of them.
	chanceInLog = 0.01
	// hammeringUsers and hammeringEvents: of so few users nobody speaks of a missing
	// rule, and so often nobody tries by hand.
	hammeringUsers, hammeringEvents = 2, 20
	// crowdUsers are denied a key which does not speak for a prober: what so many want is
	// no probe.
	crowdUsers = 10
)
