// Package alarm wakes a loop at an instant more exactly than Go's timers do. A
// length of time goes in; a channel that receives when it has passed, or early,
// comes out. It is no clock: who is woken looks at one.
//
// On Linux a timer of Go's wakes up to a millisecond late in a process that
// sleeps, since the runtime's poller waits in whole milliseconds. A file
// descriptor that becomes readable wakes the same poller at once, and the kernel
// has one that does so at an instant (timerfd). No thread waits for it, and no
// processor is held. In a process that never sleeps it is the other way round:
// the poller is asked last and Go's timers first, so wait for both.
package alarm
