package topic

// values is the set of values of one filter that has at least one. Most filters have
// exactly one value, which is kept in place.
//
// A filter with many values keeps them in a list without gaps, so that matching copies
// it in one go, and, above maxSearch values, the position of each in a map, so that
// adding and removing take constant time. Removing puts the last value into the gap.
// The order is therefore that of adding, as long as nothing is removed; it depends
// only on what was added and removed, and never changes between two mutations.
type values[V comparable] struct {
	one  V // meaningful if many is nil
	many *valueList[V]
}

type valueList[V comparable] struct {
	list      []V
	positions map[V]int // nil up to maxSearch values
}

const maxSearch = 16

// appendTo appends the values to dst.
func (vs *values[V]) appendTo(dst []V) []V {
	if vs.many != nil {
		return append(dst, vs.many.list...)
	}
	return append(dst, vs.one)
}

// add adds v and reports whether it is new.
func (vs *values[V]) add(v V) bool {
	if vs.many == nil {
		if vs.one == v {
			return false
		}
		vs.many = &valueList[V]{list: []V{vs.one, v}}
		vs.one = *new(V) // for the garbage collector
		return true
	}
	m := vs.many
	if m.find(v) >= 0 {
		return false
	}
	m.list = append(m.list, v)
	if m.positions != nil {
		m.positions[v] = len(m.list) - 1
	} else if len(m.list) > maxSearch {
		m.mapPositions()
	}
	return true
}

// remove removes v and reports whether it was there, and whether no value is left.
func (vs *values[V]) remove(v V) (removed, empty bool) {
	if vs.many == nil {
		if vs.one != v {
			return false, false
		}
		vs.one = *new(V) // for the garbage collector
		return true, true
	}
	m := vs.many
	i := m.find(v)
	if i < 0 {
		return false, false
	}
	m.removeAt(i)
	if len(m.list) == 1 {
		vs.one, vs.many = m.list[0], nil
	}
	return true, false
}

// find returns the position of v, or -1.
func (m *valueList[V]) find(v V) int {
	if m.positions != nil {
		if i, ok := m.positions[v]; ok {
			return i
		}
		return -1
	}
	for i := range m.list {
		if m.list[i] == v {
			return i
		}
	}
	return -1
}

// removeAt puts the last value in the place of that at i. When three quarters of the
// room stand empty it moves to a smaller room: maps and slices do not shrink.
func (m *valueList[V]) removeAt(i int) {
	last := len(m.list) - 1
	if m.positions != nil {
		m.positions[m.list[last]] = i
		delete(m.positions, m.list[i])
	}
	m.list[i] = m.list[last]
	m.list[last] = *new(V)
	m.list = m.list[:last]
	if len(m.list) > cap(m.list)/4 {
		return
	}
	m.list = append(make([]V, 0, 2*len(m.list)), m.list...)
	m.positions = nil
	if len(m.list) > maxSearch {
		m.mapPositions()
	}
}

func (m *valueList[V]) mapPositions() {
	m.positions = make(map[V]int, len(m.list))
	for i, v := range m.list {
		m.positions[v] = i
	}
}
