package losses

import "github.com/gonyx/gonyx/graphs"

// VAE is the negative evidence lower bound of Kingma and Welling, "Auto-Encoding Variational Bayes", 2013, averaged over
// the batch:
//
//	reconstruction  Σ over elements of the binary cross-entropy
//	kl              -½ Σ (1 + log σ² - μ² - σ²), the divergence of N(μ, σ²) from N(0, 1)
//
// output and target are [batch, elements], mean and logVar [batch, latent].
func VAE(output, target, mean, logVar graphs.Value) Loss {
	one := output.Builder().Scalar(1)
	inner := one.Add(logVar).Sub(mean.Square()).Sub(logVar.Exp())
	return sum(
		Term{"reconstruction", batchMean(bernoulli(output, target))},
		Term{"kl", batchMean(inner).Scale(-0.5)},
	)
}
