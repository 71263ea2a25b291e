"""Attacks: each record's own worst neighbour within a radius, in the scaled space. Shared by training and evaluation."""

from moorage_training.adversarial.fgsm import fgsm
from moorage_training.adversarial.pgd import pgd

__all__ = ["fgsm", "pgd"]
