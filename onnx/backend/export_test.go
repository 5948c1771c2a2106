package backend

// PourBlind is PourModel without our own decode of the file.
func PourBlind(file []byte) (*Poured, error) { return pour(file, New()) }

// PlannedBodies counts the graphs inside the nodes of a plan for which a plan was made, those inside of them included.
func PlannedBodies(p *Plan) int {
	n := 0
	for _, b := range p.bodies {
		if b.model == nil || len(b.model.plans) == 0 {
			continue
		}
		n++
		for _, inner := range b.model.plans {
			n += PlannedBodies(inner)
		}
	}
	return n
}

// LargeConstants counts the constants of at least some bytes that a model keeps.
func LargeConstants(m *Model, bytes int) int {
	n := 0
	for _, t := range m.graph.Initializers {
		if len(t.Data) >= bytes {
			n++
		}
	}
	return n
}

// FastSteps counts the fast steps that a model keeps for its nodes and shapes.
func FastSteps(m *Model) int {
	n := 0
	for _, s := range m.packs.steps {
		if s != nil {
			n++
		}
	}
	return n
}
