import numpy as np

from pali3kit.data.world.chance import pick, shuffled


def test_pick_reaches_all_items_about_equally():
    draw = np.random.default_rng(0).random
    picks = [pick("abc", draw) for _ in range(3000)]
    assert min(picks.count(item) for item in "abc") > 900


def test_shuffled_reaches_all_orders_and_leaves_its_input():
    draw, items = np.random.default_rng(0).random, (1, 2, 3)
    orders = [tuple(shuffled(items, draw)) for _ in range(1200)]
    assert len(set(orders)) == 6
    assert min(orders.count(order) for order in set(orders)) > 140
    assert items == (1, 2, 3)
