package diagnose

import (
	"fmt"
	"strconv"
	"time"
)

// percent shows a share with one decimal, and two below a tenth of a percent.
func percent(share float64) string {
	if share > 0 && share < 0.001 {
		return fmt.Sprintf("%.2f%%", share*100)
	}
	return fmt.Sprintf("%.1f%%", share*100)
}

// millis shows a time in ms as a person would say it.
func millis(ms float64) string {
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%.1fs", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.2fs", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.1fms", ms)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// count shows a whole number with commas between thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many is a count with its noun.
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + noun + "s"
}

// users says how many users keep so many requests in flight.
func users(n int) string {
	if n == 1 {
		return "one user who never pauses"
	}
	return "users, if they never pause"
}

// number shows a figure to about three digits.
func number(f float64) string {
	switch {
	case f >= 100:
		return count(int64(f + 0.5))
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}
