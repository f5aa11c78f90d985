"""Writes rules.json: the losses of distillation rules and their gradients, computed by plain PyTorch.

    pip install torch==2.11.0 numpy && python3 tests/reference/generate_rules.py

Nothing here has a member axis: the two members' batches are given to the published forms one after the other, in
float64. A loss is the value that the rule's source averages to; its gradient is that by the student's logits or
features, and by the parameters between the features where there are any.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

MEMBERS, BATCH, CLASSES = 2, 6, 5
STUDENT_MAP, SOURCE_MAP = (3, 4, 4), (4, 2, 2)
STUDENT_VECTOR, SOURCE_VECTOR = 7, 4
POOL, EMBEDDING, NEGATIVES = 2, 3, 5

torch.set_default_dtype(torch.float64)


def draw(random, *shape, scale=2.0):
    return torch.tensor(np.round(random.normal(size=shape) * scale, 3))


# --- logits -------------------------------------------------------------------------------------------------------


def kd(s, t, labels, temperature=4.0):
    divergence = F.kl_div(F.log_softmax(s / temperature, 1), F.softmax(t / temperature, 1), reduction="batchmean")
    return divergence * temperature**2


def reverse_kl(s, t, labels):
    return F.kl_div(F.log_softmax(t / 2, 1), F.log_softmax(s / 2, 1), reduction="batchmean", log_target=True) * 4


def soft_cross_entropy(s, t, labels):
    return F.cross_entropy(s / 4, F.softmax(t / 4, 1)) * 16


def self_distillation(s, t, labels):
    return F.cross_entropy(s, F.softmax(t / 4, 1))


def brier(s, t, labels):
    return F.mse_loss(F.softmax(s / 2, 1), F.softmax(t / 2, 1))


def hard_teacher(s, t, labels):
    return F.cross_entropy(s, t.argmax(1))


def logit_mse(s, t, labels):
    return F.mse_loss(s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True))


def dkd(s, t, labels, alpha=1.0, beta=8.0, temperature=4.0):
    target = F.one_hot(labels, CLASSES).bool()

    def two(z):
        p = F.softmax(z / temperature, 1)
        return torch.stack([p[target], p[~target].view(-1, CLASSES - 1).sum(1)], 1)

    def rest(z):
        return (z / temperature)[~target].view(-1, CLASSES - 1)

    tckd = F.kl_div(two(s).log(), two(t), reduction="batchmean")
    nckd = F.kl_div(F.log_softmax(rest(s), 1), F.softmax(rest(t), 1), reduction="batchmean")
    return (alpha * tckd + beta * nckd) * temperature**2


def correlations(a, b):
    """Of each row of a with the same row of b."""
    return torch.stack([torch.corrcoef(torch.stack([x, y]))[0, 1] for x, y in zip(a, b)])


def dist(s, t, labels, beta=1.0, gamma=1.0, temperature=4.0):
    a, b = F.softmax(s / temperature, 1), F.softmax(t / temperature, 1)
    rows, columns = 1 - correlations(a, b).mean(), 1 - correlations(a.T, b.T).mean()
    return temperature**2 * (beta * rows + gamma * columns)


def standardize(z):
    return (z - z.mean(1, keepdim=True)) / (1e-7 + z.std(1, keepdim=True))


def lskd(s, t, labels):
    return kd(standardize(s), standardize(t), labels, 2.0)


def lskd_dkd(s, t, labels):
    return dkd(standardize(s), standardize(t), labels, 9.0, 72.0)


LOGIT_CASES = [
    ("kd", kd, 'rule = "kd"'),
    ("reverse_kl", reverse_kl, 'rule = "reverse_kl"\ntemperature = 2.0'),
    ("soft_cross_entropy", soft_cross_entropy, 'rule = "soft_cross_entropy"'),
    ("self_distillation", self_distillation, 'rule = "soft_cross_entropy"\nsoften_student = false'),
    ("brier", brier, 'rule = "brier"\ntemperature = 2.0'),
    ("hard_teacher", hard_teacher, 'rule = "hard_teacher"'),
    ("logit_mse", logit_mse, 'rule = "logit_mse"'),
    ("dkd", dkd, 'rule = "dkd"'),
    ("dist", dist, 'rule = "dist"'),
    ("dist_weighed", lambda s, t, y: dist(s, t, y, 2.0, 0.5, 1.0),
     'rule = "dist"\nrow_weight = 2.0\ncolumn_weight = 0.5\ntemperature = 1.0'),
    ("lskd", lskd, 'rule = "lskd"'),
    ("lskd_dkd", lskd_dkd, 'rule = "dkd"\nstandardize = true\ntarget_weight = 9.0\nnon_target_weight = 72.0'),
]


# --- features -----------------------------------------------------------------------------------------------------


def shrink(map_, like):
    return F.adaptive_avg_pool2d(map_, like.shape[2:]) if map_.dim() == 4 else map_


def layer(x, weight, bias=None):
    """`weight` is [inputs, outputs]."""
    if x.dim() == 4:
        return F.conv2d(x, weight.T[:, :, None, None], bias)
    return F.linear(x, weight.T, bias)


def fitnets(s, t, parameters):
    inputs, outputs = s.shape[1], t.shape[1]
    weight, bias = parameters.split([inputs * outputs, outputs])
    return F.mse_loss(layer(shrink(s, t), weight.view(inputs, outputs), bias), t)


def vid(s, t, parameters):
    inputs, d = s.shape[1], t.shape[1]
    first, second, third, rho = parameters.split([inputs * d, d * d, d * d, d])
    x = F.relu(layer(shrink(s, t), first.view(inputs, d)))
    x = layer(F.relu(layer(x, second.view(d, d))), third.view(d, d))
    variance = (F.softplus(rho) + 1e-5).view(1, d, *[1] * (t.dim() - 2)).expand_as(t)
    # Without the constant of the density.
    return F.gaussian_nll_loss(x, t, variance, eps=0.0)


def attention_transfer(s, t, parameters):
    def attention(f):
        return F.normalize(f.pow(2).mean(1).flatten(1))

    return F.mse_loss(attention(shrink(s, t)), attention(t))


def nst(s, t, parameters):
    def kernel(a, b):
        return torch.stack([torch.stack([(x @ y) ** 2 for x in u for y in v]).mean() for u, v in zip(a, b)]).mean()

    s, t = F.normalize(shrink(s, t).flatten(2), dim=2), F.normalize(t.flatten(2), dim=2)
    return kernel(t, t) + kernel(s, s) - 2 * kernel(s, t)


def sp(s, t, parameters):
    def gram(f):
        return F.normalize(f.flatten(1) @ f.flatten(1).T)

    return (gram(s) - gram(t)).pow(2).sum() / len(s) ** 2


def pkt(s, t, parameters):
    def shares(f):
        f = f.flatten(1)
        similarity = (1 + F.cosine_similarity(f[:, None], f[None], dim=2)) / 2
        return similarity / similarity.sum(1, keepdim=True)

    p, q = shares(t), shares(s)
    return (p * ((p + 1e-7) / (q + 1e-7)).log()).mean()


def rkd(s, t, parameters):
    def distances(f):
        d = torch.stack([torch.stack([(a - b).norm() if a is not b else (a * 0).sum() for b in f]) for a in f])
        return d / d[d > 0].mean()

    def angles(f):
        cosines = []
        for i in range(len(f)):
            e = [F.normalize(f[j] - f[i], dim=0) if j != i else f[i] * 0 for j in range(len(f))]
            cosines.append(torch.stack([torch.stack([u @ v for v in e]) for u in e]))
        return torch.stack(cosines)

    s, t = list(s.flatten(1)), list(t.flatten(1))
    return 25 * F.smooth_l1_loss(distances(s), distances(t)) + 50 * F.smooth_l1_loss(angles(s), angles(t))


FEATURE_CASES = [
    ("fitnets", fitnets, 'rule = "fitnets"', lambda s, t: (s + 1) * t),
    ("vid", vid, 'rule = "vid"', lambda s, t: s * t + 2 * t * t + t),
    ("attention_transfer", attention_transfer, 'rule = "attention_transfer"', None),
    ("nst", nst, 'rule = "nst"', None),
    ("sp", sp, 'rule = "sp"', None),
    ("pkt", pkt, 'rule = "pkt"', None),
    ("rkd", rkd, 'rule = "rkd"', None),
]
OF_MAPS_ALONE = ["attention_transfer", "nst"]


def crd(s, t, parameters, memory_student, memory_source):
    """Two samples of unlike classes, so that all negatives of one are the other."""
    w, b, v, c = parameters.split([STUDENT_VECTOR * EMBEDDING, EMBEDDING, SOURCE_VECTOR * EMBEDDING, EMBEDDING])
    own = F.normalize(layer(s, w.view(STUDENT_VECTOR, EMBEDDING), b))
    wanted = F.normalize(layer(t, v.view(SOURCE_VECTOR, EMBEDDING), c))
    rows = torch.tensor([[i] + [1 - i] * NEGATIVES for i in range(POOL)])
    loss = 0
    for vectors, memory in [(own, memory_source), (wanted, memory_student)]:
        out = torch.exp(torch.einsum("be,bke->bk", vectors, memory[rows]) / 0.07)
        out = out / (out.mean().detach() * POOL)
        noise = NEGATIVES / POOL
        loss = loss - (out[:, 0] / (out[:, 0] + noise + 1e-7)).log().mean()
        loss = loss - (noise / (out[:, 1:] + noise + 1e-7)).log().sum(1).mean()
    moved = [F.normalize(0.5 * memory + 0.5 * vectors.detach())
             for memory, vectors in [(memory_student, own), (memory_source, wanted)]]
    return loss, moved


def flat(tensor):
    return tensor.detach().flatten().tolist()


def measured(loss, student, parameters=None):
    leaves = [student] if parameters is None else [student, parameters]
    gradients = torch.autograd.grad(loss, leaves)
    record = {"loss": loss.item(), "gradient": flat(gradients[0])}
    if parameters is not None:
        record["parameter_gradient"] = flat(gradients[1])
    return record


def logit_members(random):
    members = [{"student": draw(random, BATCH, CLASSES), "source": draw(random, BATCH, CLASSES),
                "labels": torch.tensor(random.integers(0, CLASSES, BATCH))} for _ in range(MEMBERS)]
    cases = []
    for name, rule, settings in LOGIT_CASES:
        results = []
        for m in members:
            student = m["student"].clone().requires_grad_()
            results.append(measured(rule(student, m["source"], m["labels"]), student))
        cases.append({"name": name, "settings": settings, "members": results})
    return {"batch": BATCH, "classes": CLASSES, "cases": cases,
            "members": [{key: flat(value) for key, value in m.items()} for m in members]}


def feature_cases(random, student_shape, source_shape):
    members = [(draw(random, BATCH, *student_shape), draw(random, BATCH, *source_shape)) for _ in range(MEMBERS)]
    cases = []
    for name, rule, settings, count in FEATURE_CASES:
        if len(student_shape) == 1 and name in OF_MAPS_ALONE:
            continue
        results = []
        for s, t in members:
            student = s.clone().requires_grad_()
            parameters = None
            if count is not None:
                parameters = draw(random, count(student_shape[0], source_shape[0]), scale=0.7).requires_grad_()
            record = measured(rule(student, t, parameters), student, parameters)
            if parameters is not None:
                record["parameters"] = flat(parameters)
            results.append(record)
        cases.append({"name": name, "settings": settings, "members": results})
    return {"batch": BATCH, "student_shape": student_shape, "source_shape": source_shape, "cases": cases,
            "members": [{"student": flat(s), "source": flat(t)} for s, t in members]}


def contrast(random):
    members = []
    for _ in range(MEMBERS):
        student = draw(random, POOL, STUDENT_VECTOR).requires_grad_()
        source = draw(random, POOL, SOURCE_VECTOR)
        parameters = draw(random, (STUDENT_VECTOR + SOURCE_VECTOR + 2) * EMBEDDING, scale=0.7).requires_grad_()
        memories = [F.normalize(draw(random, POOL, EMBEDDING)) for _ in range(2)]
        loss, moved = crd(student, source, parameters, *memories)
        record = measured(loss, student, parameters)
        record |= {"student": flat(student), "source": flat(source), "parameters": flat(parameters),
                   "memories": [flat(m) for m in memories], "moved": [flat(m) for m in moved]}
        members.append(record)
    return {"batch": POOL, "student_shape": [STUDENT_VECTOR], "source_shape": [SOURCE_VECTOR],
            "settings": f'rule = "crd"\nembedding = {EMBEDDING}\nnegatives = {NEGATIVES}', "members": members}


def calibration_error(p, labels, bins):
    """By a loop over the bins, as most code has it."""
    confidence, guess = p.max(1)
    error = 0.0
    for low in np.arange(bins) / bins:
        inside = (confidence > low) & (confidence <= low + 1 / bins)
        if inside.any():
            gap = (guess[inside] == labels[inside]).double().mean() - confidence[inside].mean()
            error += inside.double().mean().item() * abs(gap.item())
    return error


def linear_cka(x, y):
    """Through kernels and the centring matrix."""
    n = len(x)
    centre = torch.eye(n) - 1 / n

    def hsic(a, b):
        return torch.trace(centre @ (a @ a.T) @ centre @ (b @ b.T))

    return (hsic(x, y) / (hsic(x, x) * hsic(y, y)).sqrt()).item()


def spacing_entropy(values, m):
    x = sorted(values)
    n = len(x)
    return sum(np.log(n / (2 * m) * (x[min(i + m, n - 1)] - x[max(i - m, 0)])) for i in range(n)) / n


def metrics(random, samples=50):
    student, teacher = draw(random, samples, CLASSES), draw(random, samples, CLASSES)
    labels = torch.tensor(random.integers(0, CLASSES, samples))
    p, q = F.softmax(student, 1), F.softmax(teacher, 1)
    confidence = p[torch.arange(samples), labels]
    wrong = q.argmax(1) != labels
    return {"student": flat(student), "teacher": flat(teacher), "labels": labels.tolist(), "classes": CLASSES,
            "accuracy": (p.argmax(1) == labels).double().mean().item(),
            "negative_log_likelihood": F.cross_entropy(student, labels).item(),
            "entropy": torch.distributions.Categorical(logits=student).entropy().mean().item(),
            "calibration_error": calibration_error(p, labels, 10),
            "confidence_std": confidence.std(unbiased=False).item(),
            "confidence_entropy": spacing_entropy(confidence.tolist(), 7),
            "agreement": (p.argmax(1) == q.argmax(1)).double().mean().item(),
            "predictive_kl": F.kl_div(p.log(), q, reduction="batchmean").item(),
            "agreement_on_mistakes": (p.argmax(1) == q.argmax(1))[wrong].double().mean().item(),
            "cka": linear_cka(student, teacher)}


def main():
    random = np.random.default_rng(6)
    result = {"logits": logit_members(random), "maps": feature_cases(random, STUDENT_MAP, SOURCE_MAP),
              "vectors": feature_cases(random, [STUDENT_VECTOR], [SOURCE_VECTOR]), "crd": contrast(random),
              "metrics": metrics(random)}
    folder = pathlib.Path(__file__).parent.parent / "distill" / "data"
    folder.mkdir(exist_ok=True)
    (folder / "rules.json").write_text(json.dumps(result) + "\n")


main()
