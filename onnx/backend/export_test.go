package backend

// PourBlind is PourModel without our own decode of the file.
func PourBlind(file []byte) (*Poured, error) { return pour(file, New()) }
