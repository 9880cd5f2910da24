package truth

import (
	"math/rand/v2"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Begin is when time begins, a Monday.
var Begin = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

var begin = Begin.UnixMicro()

// seasons is how the hours of a week differ: there is more traffic on workdays than at
// night and on weekends, when jobs run that are denied more often.
type seasons struct {
	traffic [7 * 24]float64
	times   [7 * 24]float64 // denied
	most    float64         // traffic of an hour
}

func newSeasons() *seasons {
	s := &seasons{most: 1}
	for i := range s.traffic {
		s.traffic[i], s.times[i] = 1, 1
		if hour := i % 24; hour < 7 || hour >= 20 {
			s.traffic[i], s.times[i] = 0.15, 3
		}
		if i/24 >= 5 {
			s.traffic[i] *= 0.4
			s.times[i] *= 2
		}
	}
	return s
}

func (s *seasons) denied(at time.Duration) float64 { return s.times[hourOf(at)] }

// moment draws a time in which there is more traffic more often.
func (s *seasons) moment(random *rand.Rand, begin, length time.Duration) time.Duration {
	for {
		at := begin + time.Duration(random.Int64N(int64(length)))
		if random.Float64()*s.most < s.traffic[hourOf(at)] {
			return at
		}
	}
}

func hourOf(at time.Duration) int { return int(at % week / time.Hour) }
