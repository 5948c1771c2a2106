package ops

// families lists every operator that has a meaning here, one line a file. It is a function because operators whose Eval runs
// subgraphs would otherwise be part of their own initialisation.
func families() [][]Meaning {
	return [][]Meaning{
		reshapeFamily(),
		nonZeroFamily(),
		controlFamily(),
		convFamily(),
		identityFamily(),
		constantFamily(),
		shapeFamily(),
		flattenFamily(),
		transposeFamily(),
		squeezeFamily(),
		concatFamily(),
		splitFamily(),
		sliceFamily(),
		gatherFamily(),
		padFamily(),
		expandFamily(),
		maxPoolFamily(),
		averagePoolFamily(),
		globalPoolFamily(),
		arithmeticFamily(),
		powerFamily(),
		comparisonFamily(),
		logicFamily(),
		unaryFamily(),
		clipFamily(),
		softmaxFamily(),
		whereFamily(),
		castFamily(),
		matMulFamily(),
		gemmFamily(),
		reduceFamily(),
		privateFamily(),
	}
}
