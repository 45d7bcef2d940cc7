"""Names for people who do not exist: first names and surnames put together at random."""

from __future__ import annotations

from itertools import product

import numpy as np

from knownface.errors import KnownfaceError

# First names and surnames that sound alike; most first names suit anybody.
CULTURES = (
    ("Akira Haru Makoto Nao Ren Sora Yuki", "Aokawa Hoshida Kurimoto Minase Tachibara Yukimura"),
    ("Ade Bisi Chidi Ife Kemi Sade Tobe", "Adeyoke Balomi Ekwuba Ogunsade Okafemi Umedike"),
    ("Ash Devi Kiran Jaya Nila Ravi Sanu", "Bhatnari Chandrel Iyerani Kapurna Mehrotal Sundari"),
    ("Alba Cruz Inez Luz Mar Noel Ramon", "Alcorta Benavila Cardeno Montejar Quirosa Valderin"),
    ("Amal Farah Ihsan Nour Rida Salam Zayn", "Al-Barani Darwani Haddari Khourim Naseri Zaydani"),
    ("Alex Kim Robin Sam Toni Uli Wil", "Altbach Brunnhof Eichwald Lindacker Rosenau Steinfels"),
    ("Bo Eli Kai Lia Mika Saga Tove", "Bergholt Dalvik Hedmark Lundaker Nordhaug Solvang"),
    ("Dana Jana Lada Mila Sasha Vera Zhenya", "Borovin Dubrava Kalinov Lesnik Morozik Vetrov"),
    ("An Jun Lin Ming Ning Wei Yan", "Baixun Fengli Huoran Luoshan Qiaoyu Zhuolin"),
    ("Ari Kele Lani Mele Noa Tane Wai", "Hokulani Kalamea Manutai Nohopa Tavaka Waimoana"),
)
PAIRS = tuple(
    f"{first}_{last}"
    for firsts, lasts in CULTURES
    for first, last in product(firsts.split(), lasts.split())
)


def invent_names(count: int, seed: int) -> list[str]:
    """Different folder names such as `Noa_Kalamea`; KnownfaceError where there are not enough."""
    if count > len(PAIRS):
        raise KnownfaceError(
            f"{count} people are too many; there are invented names for {len(PAIRS)}"
        )
    order = np.random.default_rng([seed, 1]).permutation(len(PAIRS))
    return [PAIRS[i] for i in order[:count]]
