"""How embeddings are compared with people."""

from __future__ import annotations

import numpy as np
import pytest
from support import gallery_of

from knownface.recognition.comparison import Matcher
from knownface.stats.vectors import mean_templates
from knownface.stats.whitening import Whitening


def test_each_kind_has_its_templates_and_its_space() -> None:
    known = gallery_of(4, 6, spread=0.4)
    embeddings, labels = known.embeddings, known.labels
    means = Matcher.fit("means", embeddings, labels)
    expected = mean_templates(embeddings, labels, 4)
    np.testing.assert_array_equal(means.scores(embeddings), embeddings @ expected.T)
    head = np.eye(4, 32, dtype=np.float32)
    columns = Matcher.fit("columns", embeddings, labels, head)
    np.testing.assert_array_equal(columns.scores(embeddings), embeddings @ head.T)
    whitened = Matcher.fit("whitened", embeddings, labels, head)
    moved = Whitening.fit(embeddings, labels)(embeddings)
    np.testing.assert_array_equal(
        whitened.scores(embeddings), moved @ mean_templates(moved, labels, 4).T
    )


def test_columns_need_a_head() -> None:
    known = gallery_of(2, 2)
    with pytest.raises(ValueError, match="a head has to be trained"):
        Matcher.fit("columns", known.embeddings, known.labels)
