package query

// userSet is a set of numbers; the zero value is empty.
type userSet struct {
	few  []uint32
	many map[uint32]struct{}
}

func (s *userSet) add(user uint32) {
	const few = 16
	if s.many != nil {
		s.many[user] = struct{}{}
		return
	}
	for _, known := range s.few {
		if known == user {
			return
		}
	}
	if len(s.few) < few {
		s.few = append(s.few, user)
		return
	}
	s.many = make(map[uint32]struct{}, 4*few)
	for _, known := range s.few {
		s.many[known] = struct{}{}
	}
	s.many[user] = struct{}{}
	s.few = nil
}

func (s *userSet) len() int { return len(s.few) + len(s.many) }

// each calls f for each number.
func (s *userSet) each(f func(user uint32)) {
	for _, user := range s.few {
		f(user)
	}
	for user := range s.many {
		f(user)
	}
}
