package metrics

// Logins is what is known of those who log in at one moment. Counters begin with
// the broker.
type Logins struct {
	Succeeded  uint64
	Remembered uint64 // of them, those whose secret was not verified again
	Failed     uint64
	Delayed    uint64
	Refused    uint64
	Busy       uint64
	Ending     uint64 // with a certificate that ends soon
	Waiting    int
	Slowed     int
}

// loggedIn are the rows about logins.
var loggedIn = []Row{
	{
		Topics: []string{"logins/succeeded"}, Name: "logins_succeeded_total", Kind: Counter, Ours: true,
		Help:  "Logins with a right password",
		Value: func(s *Sample) int64 { return int64(s.Logins.Succeeded) },
	},
	{
		Topics: []string{"logins/remembered"}, Name: "logins_remembered_total", Kind: Counter, Ours: true,
		Help:  "Logins with a right password that had been verified a short while before",
		Value: func(s *Sample) int64 { return int64(s.Logins.Remembered) },
	},
	{
		Topics: []string{"logins/failed"}, Name: "logins_failed_total", Kind: Counter, Ours: true,
		Help:  "Logins with a wrong password, or of a user who does not exist",
		Value: func(s *Sample) int64 { return int64(s.Logins.Failed) },
	},
	{
		Topics: []string{"logins/delayed"}, Name: "logins_delayed_total", Kind: Counter, Ours: true,
		Help:  "Logins that had to wait because of failed ones before them",
		Value: func(s *Sample) int64 { return int64(s.Logins.Delayed) },
	},
	{
		Topics: []string{"logins/refused"}, Name: "logins_refused_total", Kind: Counter, Ours: true,
		Help:  "Logins that were refused without a look at the password, because of failed ones before them",
		Value: func(s *Sample) int64 { return int64(s.Logins.Refused) },
	},
	{
		Topics: []string{"logins/busy"}, Name: "logins_busy_total", Kind: Counter, Ours: true,
		Help:  "Logins that were refused because too many came at once",
		Value: func(s *Sample) int64 { return int64(s.Logins.Busy) },
	},
	{
		Topics: []string{"logins/certificate_ending"}, Name: "client_certificates_ending_total", Kind: Counter, Ours: true,
		Help:  "Connections of clients whose certificate ends within 30 days",
		Value: func(s *Sample) int64 { return int64(s.Logins.Ending) },
	},
	{
		Topics: []string{"logins/waiting"}, Name: "logins_waiting", Kind: Gauge, Ours: true,
		Help:  "Logins that wait for their password to be verified",
		Value: func(s *Sample) int64 { return int64(s.Logins.Waiting) },
	},
	{
		Topics: []string{"logins/slowed"}, Name: "logins_slowed", Kind: Gauge, Ours: true,
		Help:  "Addresses, and users of addresses, whose next login has to wait",
		Value: func(s *Sample) int64 { return int64(s.Logins.Slowed) },
	},
}
