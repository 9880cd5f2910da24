package counting

// Users gives numbers to the texts that tell users apart, from 0 on. The zero value is
// ready.
type Users struct {
	Names   []string // by number
	numbers map[string]uint32
}

// Number is the number of a user, a new one if it was not seen before.
func (u *Users) Number(name []byte) uint32 {
	number, found := u.numbers[string(name)]
	if !found {
		if u.numbers == nil {
			u.numbers = make(map[string]uint32)
		}
		number = uint32(len(u.Names)) //nolint:gosec // G115: there are not so many
		u.Names = append(u.Names, string(name))
		u.numbers[u.Names[number]] = number
	}
	return number
}

// NumbersOf are the numbers that the users of others have in u.
func (u *Users) NumbersOf(others *Users) []uint32 {
	numbers := make([]uint32, len(others.Names))
	for i, name := range others.Names {
		numbers[i] = u.Number([]byte(name))
	}
	return numbers
}
