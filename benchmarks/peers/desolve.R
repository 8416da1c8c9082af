# Solves a cohort with deSolve's lsoda; see desolve.py for the files. Reads "rtol count" lines
# from the pipe "asked" until it is closed.
suppressPackageStartupMessages(library(deSolve))
words <- commandArgs(trailingOnly = TRUE)
folder <- words[1]
n <- as.integer(words[2:6])
patients <- n[1]; stretches <- n[2]; width <- n[3]; size <- n[4]; length_out <- n[5]
read <- function(name, what) readBin(file.path(folder, name), what, 1e9 %/% 8, size = if (what == "double") 8 else 4)
starts <- matrix(read("starts", "double"), size)
p <- matrix(read("p", "double"), width)
jumps <- matrix(read("jumps", "double"), size)
knots <- read("knots", "double"); scales <- read("scales", "double")
rows <- read("rows", "integer"); offsets <- read("offsets", "integer")
dyn.load(file.path(folder, "peer.so"))

cohort <- function(rtol, count) {
  states <- matrix(NaN, size, count * length_out)
  for (patient in seq_len(count)) {
    y <- starts[, patient]
    for (s in seq_len(stretches)) {
      at <- (patient - 1) * stretches + s
      if (offsets[at + 1] == offsets[at]) next
      own <- (offsets[at] + 1):offsets[at + 1]
      found <- tryCatch(
        ode(y + jumps[, at], knots[own], "derivs", p[, at], method = "lsoda", rtol = rtol, atol = rtol * scales,
            dllname = "peer", initfunc = "initmod", maxsteps = 100000),
        error = function(e) NULL, warning = function(w) NULL)
      if (is.null(found) || nrow(found) < length(own)) break
      kept <- rows[own] >= 0
      states[, rows[own][kept] + 1] <- t(found[kept, -1, drop = FALSE])
      y <- found[nrow(found), -1]
    }
  }
  states
}

# A pipe by name: R reads its standard input in blocks, so a single line would wait for the next ones.
input <- fifo(file.path(folder, "asked"), "r", blocking = TRUE)
while (length(line <- readLines(input, 1)) > 0) {
  asked <- as.numeric(strsplit(line, " ")[[1]])
  begin <- proc.time()
  states <- cohort(asked[1], asked[2])
  taken <- proc.time() - begin
  writeBin(as.vector(states), file.path(folder, "states"))
  cat("done", taken[["user.self"]] + taken[["sys.self"]], "\n")
  flush(stdout())
}
