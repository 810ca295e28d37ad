// Package alarm is a clock that rings many alarms with one timer: keep alives,
// expiries, delays, of any number of clients.
//
// It is not for periods that must be exact to less than the scheduler allows,
// and it knows nothing of what the alarms are for.
//
// Invariant: an alarm rings once for each time it was set, not before its time,
// and alarms ring in the order of their times. Time is monotonic.
//
//	k := alarm.NewClock()
//	go k.Run()
//	a := alarm.Alarm{Ring: func(now time.Time) { … }}
//	k.Set(&a, time.Now().Add(time.Minute))
package alarm
