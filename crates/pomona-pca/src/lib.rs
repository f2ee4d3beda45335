//! Principal component analysis from mergeable moments: accumulate, merge, solve, project.
