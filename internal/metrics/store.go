package metrics

// StoreCondition says what the store of a broker can do.
type StoreCondition int

// The conditions. Of a broker without a store everything is in memory.
const (
	NoStore     StoreCondition = iota - 1
	StoreReady                 // everything
	StoreFull                  // read, and remove; the disk is full
	StoreFailed                // read, if that
)

func (c StoreCondition) String() string {
	return [...]string{"memory", "ready", "full", "failed"}[c+1]
}

// Store is what is known of the store at one moment. Counters begin at its opening.
type Store struct {
	Condition StoreCondition
	Bytes     int64 // that it takes on the disk
	Facts     int64 // that it was given
	Refused   int64 // batches of them that it did not take
	Syncs     int64
	Written   int64 // bytes
	Damaged   int64 // times that damaged files were put aside
}

// stored are the rows about the store.
var stored = []Row{
	{
		Topics: []string{"store/state"}, Name: "store_state", Kind: Gauge, Ours: true,
		Help:  "What the store can do: memory (-1: there is none), ready (0), full (1: read and remove) or failed (2: read, if that)",
		Value: func(s *Sample) int64 { return int64(s.Store.Condition) },
		Text:  func(s *Sample) string { return s.Store.Condition.String() },
	},
	{
		Topics: []string{"store/bytes"}, Name: "store_bytes", Kind: Gauge, Ours: true,
		Help:  "Bytes that the store takes on the disk",
		Value: func(s *Sample) int64 { return s.Store.Bytes },
	},
	{
		Topics: []string{"store/facts"}, Name: "store_facts_total", Kind: Counter, Ours: true,
		Help:  "Facts that the store was given, removals too",
		Value: func(s *Sample) int64 { return s.Store.Facts },
	},
	{
		Topics: []string{"store/refused"}, Name: "store_refused_total", Kind: Counter, Ours: true,
		Help:  "Batches of facts that the store did not take",
		Value: func(s *Sample) int64 { return s.Store.Refused },
	},
	{
		Topics: []string{"store/syncs"}, Name: "store_syncs_total", Kind: Counter, Ours: true,
		Help:  "Times that the disk was waited for",
		Value: func(s *Sample) int64 { return s.Store.Syncs },
	},
	{
		Topics: []string{"store/written"}, Name: "store_written_bytes_total", Kind: Counter, Ours: true,
		Help:  "Bytes that were written to the disk",
		Value: func(s *Sample) int64 { return s.Store.Written },
	},
	{
		Topics: []string{"store/damaged"}, Name: "store_damaged_total", Kind: Counter, Ours: true,
		Help:  "Times that damaged files were put aside",
		Value: func(s *Sample) int64 { return s.Store.Damaged },
	},
}
