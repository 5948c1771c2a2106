package lowering

// Operators whose output is their input under another shape, or as it is. Their gradient is the output's gradient under the
// input's shape.
func shapeRules() []rule {
	var list []rule
	for _, name := range []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"} {
		list = append(list, rule{name: name, wrt: first(1), view: inEveryForm})
	}
	return list
}

// inEveryForm is the condition of operators whose output is always their input.
func inEveryForm(*call) bool { return true }
