"""The deliberate faults that `make mutants` plants: the usual mistakes, and some that hide well."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file` of course_lib, `old` becomes `new`; `tests` names the files to run."""

    name: str
    file: str
    old: str
    new: str
    tests: str


M = Mutant

MUTANTS = [
    # Corpus
    M("split shuffled", "corpus.py", "    return tokens[:n_train], tokens[n_train:]",
      "    tokens = tokens[torch.randperm(len(tokens))]\n    return tokens[:n_train], tokens[n_train:]", "corpus"),
    M("split rounded up", "corpus.py", "n_train = int(train_fraction * len(tokens))",
      "n_train = -int(-train_fraction * len(tokens) // 1)", "corpus"),
    M("cached file not checked", "corpus.py", 'URL, f"sha256:{SHA256}", fname', "URL, None, fname", "corpus"),
    M("COURSE_CORPUS not checked", "corpus.py", "if found != SHA256:", "if False:", "corpus"),
    M("stand-in passes for the real one", "corpus.py", "standin.SHA256, is_stand_in=True",
      "standin.SHA256, is_stand_in=False", "corpus"),
    M("unknown character becomes id 0", "corpus.py", "codes.max() + 2, -1,", "codes.max() + 2, 0,", "tokenizer"),
    M("stand-in with another seed", "standin.py", "_SEED = 1623", "_SEED = 1624", "standin"),
    # Batches
    M("offset range one short", "batches.py", "n_starts = len(tokens) - context_length",
      "n_starts = len(tokens) - context_length - 1", "batches"),
    M("offset range one long", "batches.py", "n_starts = len(tokens) - context_length",
      "n_starts = len(tokens) - context_length + 1", "batches"),
    M("targets unshifted", "batches.py", "windows[:, 1:].clone()", "windows[:, :-1].clone()", "batches"),
    M("targets shifted twice", "batches.py", "windows[:, 1:].clone()",
      "windows.roll(-2, 1)[:, :-1].clone()", "batches"),
    M("generator ignored", "batches.py", "(batch_size,), generator=generator, device",
      "(batch_size,), device", "batches"),
    M("inputs and targets share memory", "batches.py", "x, y = windows[:, :-1].clone(), windows[:, 1:].clone()",
      "x, y = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()", "batches"),
    M("batch is not contiguous", "batches.py", "windows[:, 1:].clone()", "windows[:, 1:]", "batches"),
    M("whole stream converted", "batches.py", "else np.asarray(tokens)", "else np.asarray(tokens).astype(np.int64)",
      "batches"),
    # Loss
    M("mean over the last position only", "loss.py", 'return losses if reduction == "mean"',
      "return F.cross_entropy(logits[:, -1], targets[:, -1]) if reduction == \"mean\"", "loss"),
    M("sum for mean", "loss.py", "reduction=reduction,\n    )", 'reduction=reduction.replace("mean", "sum"),\n    )',
      "loss"),
    M("a target of -100 skipped", "loss.py", "ignore_index=_IGNORE_NOTHING,", "", "loss"),
    M("softmax before the logarithm", "loss.py", "logits.reshape(-1, logits.shape[-1]),",
      "logits.softmax(-1).log().reshape(-1, logits.shape[-1]),", "loss"),
    # Clipping
    M("clip per tensor", "clipping.py", "grad.mul_(max_norm / norm)",
      "grad.mul_(min(1.0, max_norm / grad.norm().item()))", "clipping"),
    M("clip without the minimum", "clipping.py", "    if norm > max_norm:", "    if norm > 0:", "clipping"),
    M("norm after clipping returned", "clipping.py", "    return norm\n", "    return min(norm, max_norm)\n", "clipping"),
    M("non-finite norm clipped", "clipping.py", "if not math.isfinite(norm):", "if False:", "clipping"),
    # Schedule
    M("cosine over the wrong interval", "schedule.py",
      "progress = _progress(step, self.warmup_steps, self.decay_steps)\n        return self._mix((1",
      "progress = _progress(step, 0, self.decay_steps)\n        return self._mix((1", "schedule"),
    M("floor ignored", "schedule.py", "self.min_lr + share * (self.peak_lr - self.min_lr)", "share * self.peak_lr",
      "schedule"),
    M("past the end not the floor", "schedule.py", "            return float(self.min_lr)\n", "            return 0.0\n",
      "schedule"),
    M("warmup off by one", "schedule.py", "self.peak_lr * step / self.warmup_steps",
      "self.peak_lr * (step + 1) / self.warmup_steps", "schedule"),
    M("stable phase skipped", "schedule.py", "decay_start = self.warmup_steps + self.stable_steps\n",
      "decay_start = self.warmup_steps\n", "schedule"),
    M("decay_steps taken for a length", "schedule.py", "if step > self.decay_steps:",
      "if step > self.warmup_steps + self.decay_steps:", "schedule"),
    # Model
    M("no causal mask", "model.py", "is_causal=True", "is_causal=False", "model"),
    M("head not tied", "model.py", "self.head.weight = self.token_embedding.weight", "pass", "model"),
    M("residual projections not scaled down", "model.py", "residual_std = 0.02 / math.sqrt(2 * self.config.n_layer)",
      "residual_std = 0.02", "model"),
    M("positions all zero", "model.py", "torch.arange(T, device=ids.device)",
      "torch.zeros_like(ids[0])", "model"),
    M("norm after the residual", "model.py", "x = x + self.attention(self.attention_norm(x))",
      "x = self.attention_norm(x + self.attention(x))", "model"),
    # Evaluation and sampling
    M("evaluation in train mode", "evaluation.py", "    model.eval()\n", "", "evaluation"),
    M("model left in eval mode", "evaluation.py", "module.training = training", "pass", "evaluation"),
    M("last short window dropped", "evaluation.py", "if n_predictions % T:", "if False:", "evaluation"),
    M("windows weighted alike", "evaluation.py", "sums.sum().item() / total", "(sums / counts).nanmean().item()",
      "evaluation"),
    M("temperature multiplied", "sampling.py", "keepdim=True).values) / temperature",
      "keepdim=True).values) * temperature", "sampling"),
    M("top-k ignored", "sampling.py", "top_k is not None and top_k < logits", "False and top_k < logits", "sampling"),
    M("sampling ignores its generator", "sampling.py", "num_samples=1, generator=generator)", "num_samples=1)",
      "sampling"),
    M("first tokens instead of last shown", "sampling.py", "rows[:, -model.config.context_length :]",
      "rows[:, : model.config.context_length]", "sampling"),
    # Checkpoints
    M("checkpoint without optimizer state", "checkpoint.py", '"optimizer": optimizer.state_dict(),',
      '"optimizer": {**optimizer.state_dict(), "state": {}},', "checkpoint"),
    M("batch generator not restored", "checkpoint.py", '        generator.set_state(state["generator"])\n', "",
      "checkpoint"),
    M("dropout's generator not restored", "checkpoint.py", '        torch.set_rng_state(state["torch_rng"])\n', "",
      "checkpoint"),
    M("any pickle is run", "checkpoint.py", 'map_location="cpu", weights_only=True', 'map_location="cpu", weights_only=False',
      "checkpoint"),
    M("checkpoint written in place", "files.py", 'temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")',
      "temporary = path", "checkpoint files"),
    M("heads not compared", "checkpoint.py", "model.state_dict() | _sizes(model), state", "model.state_dict() | state[\"config\"], state",
      "checkpoint"),
    M("checksums not compared", "checkpoint.py", "if archive.testzip() is not None:", "if False:", "checkpoint"),
    M("the file's optimizer settings hold", "training.py",
      'group.update({name: value for name, value in own.items() if name != "params"})', "pass", "resuming"),
    M("moments not checked", "checkpoint.py", "fits = here == there and _moments_fit", "fits = here == there or _moments_fit",
      "checkpoint"),
    # Training
    M("weight decay on norms", "training.py", '{"params": vectors, "weight_decay": 0.0}',
      '{"params": vectors, "weight_decay": config.weight_decay}', "training"),
    M("accumulated loss not divided", "training.py", "loss_fn(logits, y) / config.accumulation_steps",
      "loss_fn(logits, y)", "training"),
    M("gradients not zeroed", "training.py", "        optimizer.zero_grad(set_to_none=True)\n", "", "training"),
    M("lr set after the step", "training.py", 'group["lr"] = lr\n        optimizer.step()',
      'pass\n        optimizer.step()\n        for group in optimizer.param_groups:\n            group["lr"] = lr', "training"),
    M("schedule one step ahead", "training.py", "lr = config.schedule(step)", "lr = config.schedule(step + 1)", "training"),
    M("measured but not clipped", "training.py",
      "grad_norm = clip_grad_norm(model.named_parameters(), config.max_norm)",
      "grad_norm = clip_grad_norm(model.named_parameters(), math.inf)", "training"),
    M("NaN loss trained on", "training.py", "        _check_loss(loss, step, lr)\n", "", "training"),
    M("bad parameters saved", "training.py", "            _check_parameters(model, step)\n", "", "training"),
    M("eval mode of the driver kept", "training.py", "        model.train()  #", "        pass  #", "training"),
    M("betas ignored", "training.py", "lr=0.0, betas=config.betas", "lr=0.0", "training"),
    M("checkpoint's step one short", "training.py", "model=model, optimizer=optimizer, step=done,",
      "model=model, optimizer=optimizer, step=step,", "resuming"),
    M("resumed run starts at 0", "training.py", "for step in range(first_step, config.max_steps)",
      "for step in range(0, config.max_steps)", "resuming"),
    # Precision and dropout
    M("half precision summed in half", "loss.py", "        logits = logits.float()\n", "        pass\n", "loss"),
    M("attention weights without dropout", "model.py", "dropout = self.dropout if self.training else 0.0", "dropout = 0.0",
      "model"),
    M("MLP without dropout", "model.py", "x = self.projection(F.gelu(self.expansion(x)))  # (B, T, C)\n        return F.dropout(x, self.dropout, self.training)",
      "return self.projection(F.gelu(self.expansion(x)))", "model"),
    M("bigram without its added one", "landmarks.py", "pairs.view(V, V).double() + 1", "pairs.view(V, V).double()", "landmarks"),
    # The run museum
    M("edited run file accepted", "runs.py", 'if content.get("sha256") != digest(content):', "if False:", "runs"),
    M("run file of another schema accepted", "runs.py", "    if schema != SCHEMA:", "    if False:", "runs"),
    M("columns of different lengths accepted", "runs.py", "if len(set(lengths.values())) != 1:", "if False:", "runs"),
    M("losses of another step given", "runs.py", "if step not in (-1, steps[i]):", "if False:", "runs"),
    M("old run not read again", "runs.py", "found.st_mtime_ns, found.st_ino", "0, 0", "runs"),
    M("recorded on the stand-in", "corpus_figures.py", "    if corpus.is_stand_in:", "    if False:", "corpus_figures"),
    M("old recipe's run passes for the new one's", "museum/commands.py", "run.recipe == RECIPES[name].describe() and", "", "recipes"),
    M("stuck reader counts anew after a resume", "museum/faults.py", "= at_step, symbol, done", "= at_step, symbol, 0", "recipes"),
    M("first position for the last", "museum/faults.py", "next_token_loss(logits[:, -1:], targets[:, -1:])",
      "next_token_loss(logits[:, :1], targets[:, :1])", "recipes"),
    M("dropout off where it should be on", "museum/recorder.py", "starts, in_eval_mode=False)", "starts)", "recorder"),
    M("measuring draws from the run's stream", "museum/recorder.py", "with torch.random.fork_rng():", "if True:", "recorder"),
    M("ratio of a whole part's updates", "museum/recorder.py", "if step_record.step == until - 2:", "if False:", "recorder"),
    M("recording of another machine continued", "museum/partial.py",
      'if state["provenance"] | {"wall_seconds": 0.0} == self._state["provenance"]:', "if True:", "recorder"),
    M("norms added without their squares", "museum/recorder.py", "total[0] += change**2", "total[0] += change", "recorder"),
    M("another default of AdamW", "train_config.py", "= (0.9, 0.99)", "= (0.9, 0.999)", "replay"),
]  # fmt: skip
