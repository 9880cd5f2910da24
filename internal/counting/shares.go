package counting

// UserShare is what a user got of an outcome: weighed events, and the windows in which
// they were, a bit each.
type UserShare struct {
	Events  float64
	Windows uint64
}

// shares are what users got, by their numbers. The zero value is empty. Where a share is
// follows from the user's number alone: one look finds it mostly, and nothing else takes
// memory. That matters where there are millions.
type shares struct {
	places []share // by a hash of the user; a quarter of them are empty at least
	n      int     // of the others
}

// share is what a user got. It is empty if there are no windows.
type share struct {
	UserShare

	user uint32
}

// index is where to look for the user first.
func (s *shares) index(user uint32) int {
	const odd = 0x9e3779b1 // 2^32 divided by the golden ratio: neighbours are far apart
	return int(uint64(user*odd) * uint64(len(s.places)) >> 32)
}

// first is what there is at the first place where one looks for the user.
func (s *shares) first(user uint32) float64 {
	if len(s.places) == 0 {
		return 0
	}
	return s.places[s.index(user)].Events
}

// place is where the user is, or would be. There are places.
func (s *shares) place(user uint32) *share {
	for i := s.index(user); ; i++ {
		if i == len(s.places) {
			i = 0
		}
		if one := &s.places[i]; one.user == user || one.Windows == 0 {
			return one
		}
	}
}

// add adds to what a user got; there are windows.
func (s *shares) add(user uint32, more UserShare) {
	if 4*s.n >= 3*len(s.places) {
		s.grow()
	}
	one := s.place(user)
	if one.Windows == 0 {
		one.user = user
		s.n++
	}
	one.Events += more.Events
	one.Windows |= more.Windows
}

func (s *shares) grow() {
	const first = 4
	old := s.places
	s.places = make([]share, max(first, 2*len(old)))
	for i := range old {
		if old[i].Windows != 0 {
			*s.place(old[i].user) = old[i]
		}
	}
}

// of is what a user got.
func (s *shares) of(user uint32) UserShare {
	if s.n == 0 {
		return UserShare{}
	}
	return s.place(user).UserShare
}

func (s *shares) has(user uint32) bool { return s.of(user).Windows != 0 }

// each calls f for each user, until it returns false.
func (s *shares) each(f func(user uint32, got UserShare) bool) bool {
	for i := range s.places {
		if one := &s.places[i]; one.Windows != 0 && !f(one.user, one.UserShare) {
			return false
		}
	}
	return true
}
