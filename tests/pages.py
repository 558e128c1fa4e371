"""A page with all kinds of cells, and what looks like one and is none."""

SLUG = "91-test-topic"
CHAPTER = """---
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# A title

Some prose.

```{code-cell} ipython3
:tags: [hide-input]
:label: one

a = 1  # a comment
```

```python
not_a_cell = True
```

```{code-cell}
---
tags: [remove-output]
mystnb:
  figure: {caption: "a: b"}
---
b = {"x": a}
print(b)
```

- a list
  ```{code-cell}
  only_an_example = 1
  ```

```{code-cell}
```

~~~{code-cell}
c = '''
:not: an option
'''
~~~
"""
