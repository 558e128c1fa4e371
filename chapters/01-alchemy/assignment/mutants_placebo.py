"""Right and wrong placebos of assignment 01."""

from course.items import Suite, answering

PLACEBOS = '''
v = work["placebo"]
order, what = v["order"], v["scramble"]

def mixed(x, order):
    flat = x.reshape(len(x), 196)
    return {"pixels": lambda: flat[:, order].reshape(-1, 14, 14), "rows": lambda: x[:, order],
            "columns": lambda: x[:, :, order]}[what]()

def moved(images, shift, order=order, back=None, axes=(1, 2), sign=1):
    rolled = np.roll(mixed(images, order), tuple(sign * int(s) for s in shift), axes)
    return mixed(rolled, np.argsort(order) if back is None else back)
'''

_placebo = answering(PLACEBOS, "placebo(images, shift)")

SUITES = {
    "alchemy/placebo": Suite(
        right={
            "scramble, shift, put back": _placebo("moved(images, shift)"),
            "one pixel at a time": PLACEBOS
            + '''
def placebo(images, shift):
    place = np.empty((14, 14, 2), int)          # where each pixel of the picture stands in the scrambled one
    for i in range(14):
        for j in range(14):
            from_ = {"pixels": lambda: divmod(int(order[14 * i + j]), 14), "rows": lambda: (int(order[i]), j),
                     "columns": lambda: (i, int(order[j]))}[what]()
            place[from_] = i, j
    at = {tuple(place[i, j]): (i, j) for i in range(14) for j in range(14)}
    out = np.empty_like(images)
    for i in range(14):
        for j in range(14):
            r, c = (place[i, j] + np.asarray(shift)) % 14
            out[(slice(None), *at[int(r), int(c)])] = images[:, i, j]
    return out
''',
        },
        wrong={
            "the real shift": '''
def placebo(images, shift):
    return np.roll(images, tuple(int(s) for s in shift), (1, 2))
''',
            "not put back": _placebo("moved(images, shift, back=np.arange(len(order)))"),
            "scrambled twice": _placebo("moved(images, shift, back=order)"),
            "inverse first": _placebo("moved(images, shift, order=np.argsort(order))"),
            "wrong axes": _placebo("moved(images, shift, axes=(0, 1))"),
            "axes swapped": _placebo("moved(images, shift, axes=(2, 1))"),
            "moves the other way": _placebo("moved(images, shift, sign=-1)"),
            "another scramble for each call": _placebo("moved(images, shift, order=np.random.permutation(len(order)))"),
        },
    ),
}
